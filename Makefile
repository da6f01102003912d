# Where to begin: `make demo` shows a report, `make test` checks everything.

PYTHON ?= python3
VENV := .venv
DEV := .venv-dev
LOWEST := .venv-lowest
NEWEST := .venv-newest
AXE := axe-core@4.14.1
PIP_FLAGS := --quiet --quiet --disable-pip-version-check

# What libraries and Python change most: reading, projection, energy, path, results, command line.
PART := tests/read/nsys tests/projection tests/energy/test_regression.py \
	tests/energy/test_class_power.py tests/critical_path/test_path_and_slack.py \
	tests/cli/test_run_analysis.py tests/cli/test_compare.py tests/test_codes.py \
	tests/test_records.py tests/report/test_golden_page.py tests/report/test_json_load.py \
	tests/report/test_sqlite_report.py tests/report/test_parquet_report.py

FIXTURE := fixtures/nsys/3.25.0/decode
PAGE := demo/decode.html

.DEFAULT_GOAL := help
.PHONY: help demo test lint style types floors pytest test-lowest \
	part-lowest part-newest docs audit picture bench clean

help:  ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(VENV)/.installed  ## analyze a shipped fixture and say where the page is
	@mkdir -p $(dir $(PAGE))
	$(VENV)/bin/traceenergy analyze $(FIXTURE)/trace.sqlite --power $(FIXTURE)/power.csv \
		--out $(PAGE) --force
	@echo "The page is $(abspath $(PAGE)); open it in a browser."

test: style types floors pytest  ## lint, types, import floors, tests

lint: style types floors  ## all checks but the tests

style: $(DEV)/.installed
	$(DEV)/bin/ruff check .
	$(DEV)/bin/ruff format --check .

types: $(DEV)/.installed
	$(DEV)/bin/mypy

floors: $(DEV)/.installed
	$(DEV)/bin/lint-imports --no-cache

pytest: $(DEV)/.installed
	$(DEV)/bin/python -m pytest -n auto

test-lowest: $(LOWEST)/.installed  ## the tests with the oldest versions that pyproject.toml allows
	$(LOWEST)/bin/python -m pytest -n auto

# What .ci/run tries with other Pythons, after all tests with its own.
part-lowest: $(LOWEST)/.installed  ## a part of the tests with the oldest versions
	$(LOWEST)/bin/python -m pytest -n auto -q $(PART)

part-newest: $(NEWEST)/.installed  ## a part of the tests with the newest: PYTHON=python3.13
	$(NEWEST)/bin/python -m pytest -n auto -q $(PART)

docs: $(DEV)/.installed  ## write docs/commands.md and the outputs of docs/compare.ipynb anew
	$(DEV)/bin/python docs/make_commands.py
	$(DEV)/bin/python docs/make_notebook.py

audit: $(VENV)/.installed $(DEV)/.installed  ## ask for known flaws of what is installed (needs a network)
	$(DEV)/bin/python -m pip install $(PIP_FLAGS) pip-audit
	$(DEV)/bin/pip-audit --path $$($(VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

picture: $(DEV)/.installed  ## make docs/report.png anew, the picture in the README (needs chromium)
	$(DEV)/bin/python docs/make_picture.py

bench: $(DEV)/.installed  ## time the whole of `analyze` on 100,000 kernels
	$(DEV)/bin/python bench/analyze.py

clean:  ## remove what the other targets made
	rm -rf $(VENV) $(DEV) $(LOWEST) $(NEWEST) demo build dist *.egg-info bench/data tests/artifacts
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# An environment is made anew when what it should hold changes. Installs are editable: the
# sources are used where they lie.

$(VENV)/.installed: pyproject.toml .ci/venv
	PYTHON=$(PYTHON) .ci/venv $(VENV)
	$(VENV)/bin/python -m pip install $(PIP_FLAGS) --editable .
	@touch $@

$(DEV)/.installed: pyproject.toml .ci/venv
	PYTHON=$(PYTHON) .ci/venv $(DEV)
	$(DEV)/bin/python -m pip install $(PIP_FLAGS) --group dev --editable .
	@npm install --silent --no-audit --no-fund --no-save --ignore-scripts \
		--prefix $(DEV)/npm $(AXE) || echo "No $(AXE) by npm: its test is skipped."
	@touch $@

$(LOWEST)/.installed: pyproject.toml .ci/venv tests/lowest.txt
	PYTHON=$(PYTHON) .ci/venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install $(PIP_FLAGS) --group test --editable . \
		--constraint tests/lowest.txt
	@touch $@

$(NEWEST)/.installed: pyproject.toml .ci/venv
	PYTHON=$(PYTHON) .ci/venv $(NEWEST)
	$(NEWEST)/bin/python -m pip install $(PIP_FLAGS) --group test --editable .
	@touch $@
