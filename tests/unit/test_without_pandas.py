"""Does the gate open without pandas, find the same, and leave pandas to those who want it?"""

from __future__ import annotations

import json
import subprocess
import sys

CODE = """
import json, sys
import polars as pl
from blinreg.registry.cli.without_pandas import open_gate
from blinreg.schemas.render.gate import gate_violations
from blinreg.schemas.tables import table

open_gate()
columns = table("gvhd").column_names
row = dict.fromkeys(columns) | {"patient_id": "SYN-001", "transplant_number": "one", "gvhd_type": "acute"}
row["onset_date"] = "2019-01"
rows = pl.DataFrame([row], schema=dict.fromkeys(columns, pl.String)).with_columns(source_line=pl.lit(2))
found = gate_violations(table("gvhd"), rows)["rule"].to_list()
before = [name for name in ("pandas", "hypothesis") if name in sys.modules]
import pandas
open_gate()
stays = any("without_pandas" in type(finder).__module__ for finder in sys.meta_path)
print(json.dumps([before, found, len(pandas.DataFrame({"n": [1]})), stays]))
"""


def test_the_gate_opens_without_pandas_and_pandas_is_still_there() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", CODE], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [[], ["gvhd.transplant_number.integer"], 1, False]
