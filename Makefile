# Every target only calls Python. ARGS passes words on: make demo ARGS="--lang pt --budget 2m"
PYTHON ?= python3
BIN := $(if $(filter Windows_NT,$(OS)),.venv/Scripts,.venv/bin)
PY := $(BIN)/python
ARGS ?=
BUDGET ?=
DIR ?= wheelhouse
WORKERS ?= 2

.PHONY: help setup demo test test-slow check quick bench clean translations wheelhouse lock
.DEFAULT_GOAL := help

help:         ## this list
	@$(PYTHON) scripts/chores.py help

setup:        ## make .venv with everything locked (again: under a second)
	@$(PYTHON) scripts/setup_env.py

demo: setup   ## the whole practice on real data -> report.html (BUDGET=5m, ARGS="--lang pt")
	@$(PY) -m olaria demo $(if $(BUDGET),--budget $(BUDGET)) $(ARGS)

test: setup   ## every test but the slow ones
	@$(PY) -m pytest -m "not slow" -n $(WORKERS) -q $(ARGS)

test-slow: setup ## the slow tests
	@$(PY) -m pytest -m slow -q $(ARGS)

check: setup  ## format, lint, types, layers, translations, locks
	@$(PY) scripts/check.py

quick: setup  ## check and the fast tests, under a minute
	@$(PY) scripts/check.py
	@$(PY) -m pytest -m "not slow" -n $(WORKERS) -q tests/unit $(ARGS)

bench: setup  ## the benchmarks behind the claims
	@$(PY) scripts/chores.py bench

translations: setup ## bring the catalogs up to date with the sources
	@$(PY) scripts/translations.py $(ARGS)

wheelhouse: setup ## fill DIR for setups without network: OLARIA_WHEELS=DIR make setup
	@$(PYTHON) scripts/setup_env.py --wheelhouse "$(DIR)"

lock: setup   ## renew the locked versions (needs uv and network)
	@$(PYTHON) scripts/lock.py

clean:        ## remove caches and built files (runs and .venv stay)
	@$(PYTHON) scripts/chores.py clean
