"""The methods that plans can name: adding one is a file here and a line below."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from blinreg.analyses.plans.methods.adverse_events import ADVERSE_EVENTS
from blinreg.analyses.plans.methods.attrition import ATTRITION
from blinreg.analyses.plans.methods.base import Method
from blinreg.analyses.plans.methods.clone_censor_weight import CLONE_CENSOR_WEIGHT
from blinreg.analyses.plans.methods.consequences import CONSEQUENCES
from blinreg.analyses.plans.methods.cox import COX
from blinreg.analyses.plans.methods.cumulative_incidence import CUMULATIVE_INCIDENCE
from blinreg.analyses.plans.methods.exposure_incidence import EXPOSURE_INCIDENCE
from blinreg.analyses.plans.methods.follow_up import FOLLOW_UP
from blinreg.analyses.plans.methods.kaplan_meier import KAPLAN_MEIER
from blinreg.analyses.plans.methods.logistic import LOGISTIC
from blinreg.analyses.plans.methods.patient_flow import PATIENT_FLOW
from blinreg.analyses.plans.methods.response_rate import RESPONSE_RATE
from blinreg.analyses.plans.methods.rmst import RMST
from blinreg.analyses.plans.methods.simon_makuch import SIMON_MAKUCH
from blinreg.analyses.plans.methods.state_occupation import STATE_OCCUPATION
from blinreg.analyses.plans.methods.table_one import TABLE_ONE
from blinreg.analyses.plans.methods.transplants import TRANSPLANTS

__all__ = ["METHODS", "Method"]

METHODS: Mapping[str, Method[Any]] = MappingProxyType(
    {
        method.name: method
        for method in (
            ATTRITION,
            TABLE_ONE,
            RESPONSE_RATE,
            LOGISTIC,
            ADVERSE_EVENTS,
            CONSEQUENCES,
            KAPLAN_MEIER,
            SIMON_MAKUCH,
            COX,
            CLONE_CENSOR_WEIGHT,
            CUMULATIVE_INCIDENCE,
            EXPOSURE_INCIDENCE,
            FOLLOW_UP,
            RMST,
            TRANSPLANTS,
            STATE_OCCUPATION,
            PATIENT_FLOW,
        )
    }
)
