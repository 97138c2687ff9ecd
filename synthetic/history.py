"""What came before blinatumomab: diagnosis, lines of therapy, remissions, relapses, earlier transplants.

Days are counted from the first dose of blinatumomab, so all of these are negative. The history is
written forwards from the diagnosis and then moved so that it ends where blinatumomab begins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from blinreg.synthetic.baseline import SHORTEST_CR1_WITH_TRANSPLANT, Baseline
from blinreg.synthetic.draws import Draws, Weights
from blinreg.synthetic.parameters import HistoryParameters

INDUCTION = Weights.of({"hyper_cvad": 0.55, "calgb_8811": 0.15, "ecog_1910_chemotherapy": 0.12, "calgb_10403": 0.18})
SALVAGE = Weights.of(
    {"flag_ida": 0.35, "mini_hyper_cvd": 0.25, "hyper_cvad": 0.2, "mtx_ara_c": 0.12, "clofarabine": 0.08}
)
INOTUZUMAB = "inotuzumab_ozogamicin"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorLine:
    """A line of therapy before blinatumomab, in days from the first dose.

    ``failure_day`` is the day of the relapse or of documented failure that ended it; nothing for
    the remission in which blinatumomab is given for residual disease.
    """

    number: int
    regimen: str
    start_day: int
    end_day: int
    best_response: str
    response_day: int
    failure_day: int | None
    transplant_day: int | None = None

    @property
    def is_remission(self) -> bool:
        """Whether the line led to a remission."""
        return self.best_response in {"cr", "cri"}

    def moved(self, days: int) -> PriorLine:
        """Return the same line, so many days later."""
        return replace(
            self,
            start_day=self.start_day + days,
            end_day=self.end_day + days,
            response_day=self.response_day + days,
            failure_day=None if self.failure_day is None else self.failure_day + days,
            transplant_day=None if self.transplant_day is None else self.transplant_day + days,
        )


@dataclass(frozen=True, slots=True)
class History:
    """Diagnosis and prior lines, in days from the first dose, and how exactly the early dates are known.

    ``diagnosis_precision`` and ``first_line_precision`` are ``day``, ``month`` or ``year``.
    """

    diagnosis_day: int
    lines: tuple[PriorLine, ...]
    diagnosis_precision: str
    first_line_precision: str

    @property
    def transplant_days(self) -> tuple[int, ...]:
        """Days of the transplants before blinatumomab, in their order."""
        return tuple(line.transplant_day for line in self.lines if line.transplant_day is not None)

    @property
    def n_remissions(self) -> int:
        """Remissions before blinatumomab."""
        return sum(line.is_remission for line in self.lines)


def _regimen(draws: Draws, number: int, inotuzumab_line: int) -> str:
    if number == inotuzumab_line:
        return INOTUZUMAB
    return draws.choice(INDUCTION if number == 1 else SALVAGE)


def _remission_days(draws: Draws, baseline: Baseline, number: int, transplant_line: int) -> int:
    if number == 1 and baseline.cr1_days is not None:
        return baseline.cr1_days
    shortest = SHORTEST_CR1_WITH_TRANSPLANT if number == transplant_line else 60
    return shortest + draws.whole(0, 180)


def _transplant_line(draws: Draws, baseline: Baseline) -> int:
    """Number of the line whose remission was consolidated by a transplant; 0 if there was none."""
    if not baseline.has_prior_allo_hct:
        return 0
    cr1_carries_it = baseline.cr1_days is not None and baseline.cr1_days >= SHORTEST_CR1_WITH_TRANSPLANT
    if baseline.n_prior_lines == 1 or (cr1_carries_it and draws.chance(0.6)):
        return 1
    return draws.whole(2, baseline.n_prior_lines)


def _line(
    draws: Draws, baseline: Baseline, *, number: int, start_day: int, regimen: str, transplant_line: int, remits: bool
) -> PriorLine:
    response_day = start_day + draws.whole(24, 45)
    if not remits:
        response = draws.choice(Weights.of({"no_response": 0.6, "pr": 0.2, "progression": 0.2}))
        return PriorLine(
            number=number,
            regimen=regimen,
            start_day=start_day,
            end_day=response_day - draws.whole(0, 5),
            best_response=response,
            response_day=response_day,
            failure_day=response_day,
        )
    goes_on = baseline.is_mrd_indication and number == baseline.n_prior_lines
    remission = draws.whole(45, 150) if goes_on else _remission_days(draws, baseline, number, transplant_line)
    transplant_day = response_day + draws.whole(40, 95) if number == transplant_line else None
    treatment = draws.whole(20, 500)
    last_day = remission - 1 if transplant_day is None else transplant_day - response_day - 8
    return PriorLine(
        number=number,
        regimen=regimen,
        start_day=start_day,
        end_day=response_day + min(treatment, last_day),
        best_response="cr",
        response_day=response_day,
        failure_day=response_day + remission,
        transplant_day=transplant_day,
    )


def _forward(draws: Draws, baseline: Baseline, parameters: HistoryParameters) -> list[PriorLine]:
    """Lines counted from the diagnosis on day 0."""
    transplant_line = _transplant_line(draws, baseline)
    inotuzumab_line = draws.whole(2, baseline.n_prior_lines) if baseline.has_prior_inotuzumab else 0
    lines: list[PriorLine] = []
    start_day = draws.whole(1, 12)
    for number in range(1, baseline.n_prior_lines + 1):
        in_remission_now = baseline.is_mrd_indication and number == baseline.n_prior_lines
        first_remits = number == 1 and not baseline.is_primary_refractory
        later_remits = number > 1 and draws.chance(parameters.salvage_remission)
        line = _line(
            draws,
            baseline,
            number=number,
            start_day=start_day,
            regimen=_regimen(draws, number, inotuzumab_line),
            transplant_line=transplant_line,
            remits=in_remission_now or first_remits or later_remits or number == transplant_line,
        )
        lines.append(line)
        start_day = (line.failure_day or 0) + draws.whole(5, 25)
    return lines


def _precision(draws: Draws, *, year: float, month: float) -> str:
    left = draws.uniform()
    if left < year:
        return "year"
    return "month" if left < year + month else "day"


def draw_history(draws: Draws, baseline: Baseline, parameters: HistoryParameters) -> History:
    """Draw what came before blinatumomab, in agreement with the baseline.

    Parameters
    ----------
    draws : Draws
        The patient's stream for the history.
    baseline : Baseline
        Number of lines, first remission, prior transplant.
    parameters : HistoryParameters
        How often a salvage line leads to remission, and how often a date is partial.
    """
    lines = _forward(draws, baseline, parameters)
    last = lines[-1]
    first_dose = (last.failure_day or last.end_day) + draws.whole(4, 30)
    if baseline.is_mrd_indication:  # the remission goes on: the first dose takes the place of its end
        lines[-1] = replace(last, failure_day=None, end_day=min(last.end_day, first_dose - 7))
    return History(
        diagnosis_day=-first_dose,
        lines=tuple(line.moved(-first_dose) for line in lines),
        diagnosis_precision=_precision(
            draws, year=parameters.year_only_diagnosis, month=parameters.month_only_diagnosis
        ),
        first_line_precision=_precision(draws, year=0.0, month=parameters.month_only_first_line),
    )
