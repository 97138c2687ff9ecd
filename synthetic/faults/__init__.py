"""Plant every kind of error that a site makes into a synthetic cohort, with an answer key.

`plant` takes the clean tables of a site and gives the tables with faults and a log of every difference;
`write_faulty_file` writes a file with a fault in how it is written, `write_refused` a submission that must be refused
whole, and `write_answer_key` the log. What each kind of fault is, and the rule that ought to find it, stand in
``answer_key.toml``.
"""

from __future__ import annotations

from blinreg.synthetic.faults.answer_key import Answer, answers
from blinreg.synthetic.faults.catalogue import KINDS
from blinreg.synthetic.faults.files import Written, write_faulty_file
from blinreg.synthetic.faults.log import LOG_SCHEMA, join_logs, write_answer_key
from blinreg.synthetic.faults.memory import Memory
from blinreg.synthetic.faults.planting import Planted, plant
from blinreg.synthetic.faults.refused import Refused, write_refused

__all__ = [
    "KINDS",
    "LOG_SCHEMA",
    "Answer",
    "Memory",
    "Planted",
    "Refused",
    "Written",
    "answers",
    "join_logs",
    "plant",
    "write_answer_key",
    "write_faulty_file",
    "write_refused",
]
