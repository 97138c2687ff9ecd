"""The parts of ``blinreg.analyses.cox``: reading rows, the two ways to sum them, Newton steps, what a fit can tell.

Below some 50,000 rows ``fit`` sums with numpy (``sums``, ``likelihood``); above, ``large`` reads compact columns
(``reading``, ``kept``, ``placed``) and ``passes`` sums them with a compiled kernel (``kernel``). ``result`` is what a
fit returns; ``contrast``, ``prediction``, ``residuals``, ``robust`` and ``concordance`` are computed from it.
"""
