# make demo, make test, make check: everything in a .venv of its own, nothing outside this folder.
.DEFAULT_GOAL := help
.PHONY: help demo check test fuzz docs-check clean

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO ?= demo
TESTS ?= Testing
DOCS ?=

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## Simulate patients, segment metastases, follow up an ablation, repair a vertebra, write demo/index.html.
	@$(BIN)/spine demo --out "$(DEMO)"

check: $(READY) ## Lint, formatting and types: ruff and mypy, in seconds.
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "Formatting differs; run: $(BIN)/ruff format" >&2; exit 1; }
	@$(BIN)/mypy

test: check ## Check, then run all tests (TESTS=Testing/house for some).
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(TESTS)

fuzz: $(READY) ## Read 1,000 files with mutated headers: NIfTI, NRRD, MetaImage and DICOM.
	@$(BIN)/python -m Testing.volume.fuzz 250

docs-check: $(READY) ## Run the commands of the documents as they are printed (DOCS=README.md for some).
	@$(BIN)/python Testing/house/docs_check.py $(DOCS)

clean: ## Remove .venv and what the tests left.
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache build SpineLib.egg-info

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; install it or say: make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is not Python 3.11 or newer; say: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "No virtual environment could be made; on Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Installing into $(VENV) (the first time this downloads about 500 MB) ..."
	@$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[slicer,test,dev]'
	@touch $@
