"""All kinds of faults in rows."""

from __future__ import annotations

from blinreg.synthetic.faults.clinical_kinds import CLINICAL_KINDS
from blinreg.synthetic.faults.column_kinds import COLUMN_KINDS
from blinreg.synthetic.faults.date_order_kinds import DATE_ORDER_KINDS
from blinreg.synthetic.faults.declaring import Kind
from blinreg.synthetic.faults.patient_kinds import PATIENT_KINDS
from blinreg.synthetic.faults.response_kinds import RESPONSE_KINDS
from blinreg.synthetic.faults.row_kinds import ROW_KINDS
from blinreg.synthetic.faults.safety_kinds import SAFETY_KINDS
from blinreg.synthetic.faults.treatment_kinds import TREATMENT_KINDS
from blinreg.synthetic.faults.unlikely_kinds import UNLIKELY_KINDS

KINDS: tuple[Kind, ...] = (
    *COLUMN_KINDS,
    *DATE_ORDER_KINDS,
    *CLINICAL_KINDS,
    *UNLIKELY_KINDS,
    *PATIENT_KINDS,
    *TREATMENT_KINDS,
    *RESPONSE_KINDS,
    *SAFETY_KINDS,
    *ROW_KINDS,
)
