# Two commands for a newcomer: `make scan` and `make test`. Each makes .venv and installs what it needs.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt
SEED   ?= 1
JOBS   ?= 2
OUT    ?= scans/seed-$(SEED)

.PHONY: scan test lint bench gpio-test model clean

scan: $(VENV)/.host                      ## scan an emulated slide; prints where the slide and the report are
	@rm -rf $(OUT)
	@$(BIN)/wsi-host scan --profile emulated --out $(OUT) --seed $(SEED) --compare-sweep

test: $(VENV)/.development lint          ## lint, types and all tests
	@$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile

lint: $(VENV)/.development
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: $(VENV)/.development              ## the budgets that every push must keep; `wsi-bench run` has more
	@$(BIN)/wsi-bench run --suite inference --suite preprocess --suite gpio --suite focus

gpio-test: $(VENV)/.development          ## the GPIO and PWM drivers on a real kernel, in QEMU; says what it needs
	@$(BIN)/python tests/qemu/gpio_kernel.py

model: $(VENV)/.development              ## twin -> stacks -> training -> INT8 -> signed bundle, from nothing
	@$(BIN)/wsi-export model --workdir build/model

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.host: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing the scanner's software into $(VENV) ..."
	@$(PIP) -e '.[twin]' && touch $@

$(VENV)/.development: $(VENV)/.host
	@echo "Installing the training, export and test tools into $(VENV) ..."
	@$(PIP) -e '.[twin,training,export,bench,development]' && touch $@

clean:
	rm -rf $(VENV) build scans *.egg-info
