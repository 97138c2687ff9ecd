"""Take what the survival tests use from the JSON files that the two R scripts write.

Run in the folder where `Rscript heart_reference.R` and `Rscript make_reference.R`
have written heart_reference.json and bmt_reference.json:

    python extract.py heart_reference.json bmt_reference.json

It writes heart_survival.json and bmt_survival.json beside itself. Cox models,
residuals, restricted means and Gray's tests are left out.
"""

import json
import sys
from pathlib import Path

HEART = (
    "meta",
    "mantel_byar",
    "mantel_byar_strat_surgery",
    "simon_makuch",
    "simon_makuch_boundary_note",
    "landmark30_logrank",
    "veteran_strat_logrank",
    "veteran_logrank4",
    "veteran_km",
    "transplant_aj_by_abo",
)
COLUMNS = ("id", "start", "stop", "event", "surgery", "transplant")
BMT = (
    "mantel_byar_agvhd",
    "mantel_byar_cgvhd",
    "mantel_byar_platelet",
    "simon_makuch_agvhd",
    "simon_makuch_platelet",
    "cumulative_incidence",
    "km_dfs_by_group_loglog",
    "logrank_group",
)


def main(heart_path: str, bmt_path: str) -> None:
    here = Path(__file__).parent
    heart = json.loads(Path(heart_path).read_text())
    taken = {name: heart[name] for name in HEART}
    taken["data"] = {name: {column: rows[column] for column in COLUMNS} for name, rows in heart["data"].items()}
    (here / "heart_survival.json").write_text(json.dumps(taken, separators=(",", ":")) + "\n")
    bmt = json.loads(Path(bmt_path).read_text())
    (here / "bmt_survival.json").write_text(json.dumps({name: bmt[name] for name in BMT}, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
