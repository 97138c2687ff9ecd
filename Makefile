# Two commands matter: `make demo` and `make test`. Both set up what they need in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: bench demo test test-extra lint format render clean help setup

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "blinreg needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "setting up $(VENV) (once; a few minutes on a slow line)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

setup: $(STAMP)  ## make .venv with everything installed

demo: $(STAMP)  ## eleven synthetic submissions in, a report out (demo/report.html)
	@$(BIN)/blinreg demo --out demo

test: $(STAMP)  ## style, types and the whole test suite
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy -p blinreg
	@$(BIN)/sqlfluff lint sql --disable-progress-bar
	@OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -n auto --dist loadfile

test-extra: $(STAMP)  ## what needs R, a browser or much time
	@$(BIN)/pytest tests/extra -o addopts="--strict-markers --strict-config --import-mode=importlib"

bench: $(STAMP)  ## speed and memory against R and lifelines, some minutes (BENCH=full: up to 100 million rows)
	@$(BIN)/python benchmarks/bench_cox.py $(if $(filter full,$(BENCH)),--full)
	@$(BIN)/python benchmarks/bench_macros.py $(if $(filter full,$(BENCH)),,--rows 1000000)

render: $(STAMP)  ## write again the files that come from schemas/ and from the published numbers
	@$(BIN)/python -m blinreg.schemas.render
	@$(BIN)/python -m blinreg.analyses.plans.render_published analyses/plans/published_realworld_2020.csv synthetic/targets/realworld_2020.csv synthetic/targets/realworld_2020_conflicts.csv
	@$(BIN)/python -m blinreg.analyses.plans.render_reference
	@$(BIN)/python docs/guard_plans.py

format: $(STAMP)  ## format the code
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

clean:  ## remove what was built (not the registry of a demo)
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
