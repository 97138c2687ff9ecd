"""The printed numbers of a study as data: what a cohort of its patients can be held against.

``<study>.csv`` has a row a number, ``<study>_not_targets.csv`` the printed numbers that no cohort can have, with the
reason, ``<study>_conflicts.csv`` a sentence about each group of numbers that contradict one another or that can be
read in two ways, ``<study>.toml`` the populations, terms and models that the rows name, and ``queries/*.sql`` what
these are measured on, in tables of a registry. Nothing here is computed: `blinreg.analyses.fidelity` scores.
"""

from blinreg.synthetic.targets.load import PublishedTargets, load_given_up, load_proofs, load_targets

__all__ = ["PublishedTargets", "load_given_up", "load_proofs", "load_targets"]
