"""Which patient is at which site, has which indication, and could be assessed for which toxicity.

The counts that are set by design are exact in every block of as many patients as the study has
(239): sites, indication, evaluability. A permutation that depends only on the seed and the number
of the block deals them out, so that patient i does not depend on how many patients are made.
"""

from __future__ import annotations

from dataclasses import dataclass

from blinreg.synthetic.draws import Draws, Stream
from blinreg.synthetic.parameters import Parameters, Site


@dataclass(frozen=True, slots=True)
class Place:
    """What is fixed for a patient by design.

    Parameters
    ----------
    site : Site
        The hospital.
    is_mrd_indication : bool
        Whether blinatumomab is given for residual disease.
    not_evaluable : frozenset of str
        Categories of toxicity that cannot be assessed.
    """

    site: Site
    is_mrd_indication: bool
    not_evaluable: frozenset[str]


def plan(parameters: Parameters, seed: int, block: int) -> tuple[Place, ...]:
    """Deal out sites, indications and evaluability to one block of patients.

    Parameters
    ----------
    parameters : Parameters
        Parameters of the study; a block has ``parameters.study.n_patients`` patients.
    seed : int
        Seed of the cohort.
    block : int
        Number of the block, from 0: patient i is in block i // n_patients.

    Returns
    -------
    tuple of Place
        One place a patient, in the order of the patients.

    Examples
    --------
    >>> from blinreg.synthetic.parameters import load_parameters
    >>> places = plan(load_parameters("realworld-2020"), 2020, 0)
    >>> len(places), sum(place.is_mrd_indication for place in places)
    (239, 12)
    """
    study = parameters.study
    n = study.n_patients
    draws = Draws(parameters.entropy(seed), Stream.PLAN, block)
    sites = [site for site in parameters.site for _ in range(site.n_patients)]
    dealt = [sites[slot] for slot in draws.order(n)]
    mrd_indication = set(draws.order(n)[: study.n_mrd_indication])
    not_evaluable = {category: set(draws.order(n)[:count]) for category, count in study.n_not_evaluable.items()}
    return tuple(
        Place(
            site=dealt[number],
            is_mrd_indication=number in mrd_indication,
            not_evaluable=frozenset(name for name, members in not_evaluable.items() if number in members),
        )
        for number in range(n)
    )
