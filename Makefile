# `make` prints what there is. Both `make demo` and `make test` make .venv first if it is not there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := work_dirs/demo

.DEFAULT_GOAL := help
.PHONY: help install demo test lint clean

help:
	@echo "make demo     train baseline and method on drawn faces, test both, write $(DEMO)/report/index.html"
	@echo "make test     run the tests"
	@echo "make lint     check the style"
	@echo "make install  make $(VENV) with everything in it"
	@echo "make clean    remove $(VENV) and work_dirs"

$(VENV)/installed: setup.py $(wildcard requirements/*.txt)
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 10) else "Python 3.10 or newer is needed, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c requirements/constraints.txt -e ".[optional,tests]"
	touch $@

install: $(VENV)/installed

demo: install
	$(BIN)/python tools/train.py configs/lrfr/demo_baseline.py --work-dir $(DEMO)/baseline --seed 0
	$(BIN)/python tools/test.py configs/lrfr/demo_baseline.py $(DEMO)/baseline/epoch_14.pth --work-dir $(DEMO)/baseline
	$(BIN)/python tools/train.py configs/lrfr/demo.py --work-dir $(DEMO)/method --seed 0
	$(BIN)/python tools/test.py configs/lrfr/demo.py $(DEMO)/method/epoch_14.pth --work-dir $(DEMO)/method
	$(BIN)/python tools/compare.py $(DEMO)/baseline $(DEMO)/method --out $(DEMO)

test: install
	$(BIN)/python -m ruff check .
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

lint: install
	$(BIN)/python -m ruff check .

clean:
	rm -rf $(VENV) work_dirs
