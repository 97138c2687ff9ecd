"""How near a cohort comes to a published study, number by number.

`score` measures every target on frames of a registry's tables with the estimators of this package and returns a
`Ledger`: printed value, achieved value, whether they agree, and for a miss why.
"""

from blinreg.analyses.fidelity.cohort import Cohort
from blinreg.analyses.fidelity.ledger import Ledger, score
from blinreg.analyses.fidelity.reasons import Proof
from blinreg.analyses.fidelity.target import Definitions, Model, Target, parse_definitions, parse_targets

__all__ = [
    "Cohort",
    "Definitions",
    "Ledger",
    "Model",
    "Proof",
    "Target",
    "parse_definitions",
    "parse_targets",
    "score",
]
