"""Studies that can be imitated: their design and the parameters of the model that draws their patients."""

from blinreg.synthetic.studies.loading import STUDIES, load_study
from blinreg.synthetic.studies.parameters import Site, Study

__all__ = ["STUDIES", "Site", "Study", "load_study"]
