"""What a site leaves out: values that exist and were not recorded, by site, as in the published study."""

from __future__ import annotations

from dataclasses import dataclass

from blinreg.synthetic.baseline import Baseline
from blinreg.synthetic.draws import Draws
from blinreg.synthetic.parameters import BaselineParameters, Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Baseline values as the site recorded them; nothing where it did not.

    ``assessment_day`` is the day of the baseline assessment, from the first dose.
    """

    assessment_day: int
    karnofsky_percent: int | None
    ecog: int | None
    wbc_1e9_per_l: float | None
    blood_blast_percent: float | None
    n_prior_lines: int | None
    prior_allo_hct: str


def _ecog(karnofsky_percent: int) -> int:
    """ECOG performance status that corresponds to a Karnofsky value (Oken et al. 1982)."""
    return 0 if karnofsky_percent >= 90 else 1 if karnofsky_percent >= 70 else 2 if karnofsky_percent >= 50 else 3


def draw_recorded(draws: Draws, baseline: Baseline, site: Site, parameters: BaselineParameters) -> Recorded:
    """Draw which values of the baseline were recorded.

    Parameters
    ----------
    draws : Draws
        The patient's stream for missing values.
    baseline : Baseline
        The true values.
    site : Site
        For its share of missing Karnofsky values.
    parameters : BaselineParameters
        Shares of the other missing values.
    """
    karnofsky_missing = draws.chance(site.karnofsky_missing)
    ecog_instead = draws.chance(parameters.ecog_if_no_karnofsky)
    wbc_missing = draws.chance(parameters.missing_wbc)
    blasts_missing = draws.chance(parameters.missing_blood_blast)
    lines_missing = draws.chance(parameters.missing_n_prior_lines)
    transplant_unknown = draws.chance(parameters.missing_prior_allo_hct) and not baseline.has_prior_allo_hct
    prior_transplant = "yes" if baseline.has_prior_allo_hct else "no"
    return Recorded(
        assessment_day=-draws.whole(0, 3),
        karnofsky_percent=None if karnofsky_missing else baseline.karnofsky_percent,
        ecog=_ecog(baseline.karnofsky_percent) if karnofsky_missing and ecog_instead else None,
        wbc_1e9_per_l=None if wbc_missing else baseline.wbc_1e9_per_l,
        blood_blast_percent=None if blasts_missing else baseline.blood_blast_percent,
        n_prior_lines=None if lines_missing else baseline.n_prior_lines,
        prior_allo_hct="unknown" if transplant_unknown else prior_transplant,
    )
