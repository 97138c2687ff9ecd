"""The multi-state model: draws the courses of any number of patients, with known hazard ratios."""

from blinreg.synthetic.model.drawing import Outcome, draw_courses, draw_outcome
from blinreg.synthetic.model.truth import Effect, Truth, truth

__all__ = ["Effect", "Outcome", "Truth", "draw_courses", "draw_outcome", "truth"]
