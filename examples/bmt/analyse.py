"""Fit graft-versus-host disease as a time-dependent exposure, for relapse or death after transplant.

    python analyse.py registry.duckdb

The rows come from the registry's own counting-process view: graft-versus-host disease
counts from its onset, never before.
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

from blinreg.analyses import cox, mantel_byar
from blinreg.registry.store import Registry

#: Rows of progression-free survival from transplant, with the risk group as two indicators.
ROWS = """
select
    rows.patient_id,
    rows.tstart,
    rows.tstop,
    rows.event,
    rows.acute_gvhd,
    rows.chronic_gvhd,
    rows.platelet_recovery,
    cast(stratum.level = 'aml_low_risk' as integer) as aml_low_risk,
    cast(stratum.level = 'aml_high_risk' as integer) as aml_high_risk
from analysis.counting_process as rows
inner join staging.enrolment_stratum as stratum
    on rows.patient_id = stratum.patient_id and stratum.factor = 'risk_group'
where rows.endpoint = 'pfs_from_transplant'
order by rows.patient_id, rows.tstart
"""


def counting_process(registry: Path) -> pl.DataFrame:
    """Read the rows from a registry into which the example submission was loaded."""
    with Registry.open(registry) as opened:
        return opened.connection.sql(ROWS).pl()


def main(registry: Path) -> None:
    """Print the time-dependent Cox model and the Mantel-Byar test of each exposure."""
    rows = counting_process(registry)
    for exposure in ("acute_gvhd", "chronic_gvhd"):
        fit = cox(rows, ["aml_low_risk", "aml_high_risk", exposure])
        test = mantel_byar(rows, exposure)
        print(f"\n{exposure}: Mantel-Byar chi-squared {test.chi_squared:.3f}, P = {test.p_value:.3f}")
        print(fit.table.select("term", "hazard_ratio", "lower", "upper", "p_value"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
