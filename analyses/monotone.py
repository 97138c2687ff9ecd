"""Finding a likelihood that has stopped rising only because a coefficient is as good as infinite.

Newton's steps stop at such a likelihood where rounding drowns what information is left,
so the last step alone does not always tell (`newton.check_endless`). Here the direction of least
information is followed: at a true maximum that costs likelihood, at a runaway it costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from blinreg.analyses.cox_regression.sums import Array
from blinreg.analyses.newton import Evaluation, Maximum

#: Someone's linear predictor is uncertain by more than this: no finite estimate is so poor without reason.
_SUSPICIOUS = 50.0
#: Standard errors followed; at a maximum they cost some 4.5 of log-likelihood.
_FAR = 3.0
#: A loss below this is none.
_NO_LOSS = 1e-3


def runaway(
    evaluate: Callable[[Array], Evaluation], reach: Callable[[Array, float], float], maximum: Maximum
) -> Array | None:
    """Give the direction (p,) in which the log-likelihood does not fall, or None at a true maximum.

    Parameters
    ----------
    evaluate, reach : callable
        As for `newton.maximise`.
    maximum : Maximum
        Where it ended.

    Examples
    --------
    >>> from blinreg.analyses.newton import of_matrix
    >>> def rises(b):
    ...     gap = float(np.exp(-b[0]))
    ...     return Evaluation(-gap, np.array([gap]), np.array([[gap]]))
    >>> ended = Maximum(np.array([30.0]), rises(np.zeros(1)), rises(np.array([30.0])), converged=True, n_iterations=30)
    >>> runaway(rises, of_matrix(np.ones((1, 1))), ended).tolist()
    [1.0]
    """
    values, vectors = np.linalg.eigh(maximum.fitted.information)
    direction = vectors[:, 0]
    if direction @ maximum.coef < 0:
        direction = -direction
    # Information that is rounding, or below, counts as the least that rounding leaves.
    least = max(float(values[0]), 1e-15 * float(values[-1]))
    moved = reach(direction, np.inf)
    far = _FAR / np.sqrt(least)
    if moved * far / _FAR <= _SUSPICIOUS:
        return None
    for sign in (1.0, -1.0):
        found = evaluate(maximum.coef + sign * far * direction)
        if found.log_likelihood >= maximum.fitted.log_likelihood - _NO_LOSS:
            return np.asarray(sign * direction, dtype=np.float64)
    return None
