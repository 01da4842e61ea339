# `make` prints what there is. Every target but help and clean makes .venv first if it is not there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := work_dirs/demo
# Two workers of one thread each. ARGS goes to pytest, as in: make test ARGS='-k identification'. The
# tests start some hundred processes, so bytecode is written even where the environment forbids it.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile --durations=10

.DEFAULT_GOAL := help
.PHONY: help install demo real test test-slow lint docs clean

help:
	@echo "make demo       train baseline and method on drawn faces, test both, write $(DEMO)/report/index.html"
	@echo "make real       measure and adapt a public network on photographs, write work_dirs/real (needs npm)"
	@echo "make test       check style and types, run the tests that are not slow, print their coverage"
	@echo "make test-slow  run the slow tests"
	@echo "make lint       check style and types"
	@echo "make docs       build the documentation into site/"
	@echo "make install    make $(VENV) with everything in it"
	@echo "make clean      remove $(VENV), work_dirs and site"

$(VENV)/installed: setup.py $(wildcard requirements/*.txt)
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 10) else "Python 3.10 or newer is needed, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c requirements/constraints.txt -e ".[optional,serve,tests]"
	touch $@

install: $(VENV)/installed

demo: install
	$(BIN)/python tools/train.py configs/lrfr/demo_baseline.py --work-dir $(DEMO)/baseline --seed 0
	$(BIN)/python tools/test.py configs/lrfr/demo_baseline.py $(DEMO)/baseline/epoch_14.pth --work-dir $(DEMO)/baseline
	$(BIN)/python tools/train.py configs/lrfr/demo.py --work-dir $(DEMO)/method --seed 0
	$(BIN)/python tools/test.py configs/lrfr/demo.py $(DEMO)/method/epoch_14.pth --work-dir $(DEMO)/method
	$(BIN)/python tools/compare.py $(DEMO)/baseline $(DEMO)/method --out $(DEMO)

real: install
	$(BIN)/python tools/real.py

test: lint
	$(PYTEST) -m "not slow" --cov=lrfr_mm --cov-report=term:skip-covered $(ARGS)

test-slow: install
	$(PYTEST) -m slow $(ARGS)

lint: install
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy

docs: install
	$(BIN)/python -m pip install --quiet -c requirements/constraints.txt -r requirements/docs.txt
	$(BIN)/python -m mkdocs build --strict

clean:
	rm -rf $(VENV) work_dirs site
