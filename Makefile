# The one list of commands. `make help` prints it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DEV    := $(VENV)/.installed-dev
SLOW   := $(VENV)/.installed-slow
.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint types layers bench bench-dashboard bench-detection soak locale docs lock clean

help:  ## print this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Goalkeeper needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Goalkeeper into $(VENV) (once, about a minute) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(DEV): $(STAMP) requirements-dev.txt
	@echo "Installing the test tools …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(SLOW): $(DEV) requirements-slow.txt
	@echo "Installing Spark for the slow tier …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-slow.txt
	@touch $@

demo: $(STAMP)  ## replay the simulated call centre and serve the dashboard on 127.0.0.1:8501
	@$(BIN)/goalkeeper demo $(ARGS)

test: lint types layers  ## lint, types, layers and the tests (about a quarter of an hour on two cores)
	@$(BIN)/python -m tests.browsers
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow" $(ARGS)
	@echo "Left out: the slow tier (run it with: make test-all)"

test-all: lint types layers $(SLOW)  ## the same and the slow tier
	@$(BIN)/python -m tests.browsers
	$(BIN)/python -m pytest -q -n 2 --dist loadfile $(ARGS)

lint: $(DEV)  ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV)  ## static types
	$(BIN)/mypy

layers: $(DEV)  ## imports go down only
	$(BIN)/lint-imports

bench: $(DEV)  ## what collecting costs, as ratios; writes bench/results.json
	$(BIN)/python -m bench.collect $(ARGS)

bench-dashboard: $(DEV)  ## how fast pages are on a large store; writes bench/dashboard.json
	$(BIN)/python -m bench.dashboard $(ARGS)

bench-detection: $(DEV)  ## how well changes are told from noise (SEEDS=a-b, STREAMS=folder); writes bench/detection.json
	$(BIN)/python -m bench.detection --seeds $(or $(SEEDS),0-99) $(if $(STREAMS),--streams $(STREAMS)) $(ARGS)

soak: $(DEV)  ## kill collecting at N random instants on each kind of store; writes bench/soak.json
	$(BIN)/python -m bench.soak --kills $(or $(N),200) $(ARGS)

locale: $(DEV)  ## collect the texts and compile the translations
	$(BIN)/pybabel -q extract -k _ -k N_ -k gettext -k ngettext:1,2 --no-location --sort-output --project=goalkeeper --version=0 --header-comment="# The texts of Goalkeeper; made by \`make locale\`." -F babel.cfg -o core/locale/goalkeeper.pot .
	$(BIN)/pybabel -q update -D goalkeeper -i core/locale/goalkeeper.pot -d core/locale -l ru --no-fuzzy-matching --ignore-obsolete --update-header-comment -w 110
	$(BIN)/pybabel -q compile -D goalkeeper -d core/locale

docs: $(STAMP)  ## build the documentation into site/ (installs MkDocs Material)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[docs]"
	$(BIN)/python docs/_make.py
	$(BIN)/mkdocs build --strict --quiet

lock:  ## write requirements*.txt from pyproject.toml (needs uv)
	uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header pyproject.toml -o requirements.txt
	uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header --group dev -c requirements.txt -o requirements-dev.txt
	uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header --group slow -c requirements.txt -c requirements-dev.txt -o requirements-slow.txt

clean:  ## remove what make made
	rm -rf $(VENV) goalkeeper-demo .mypy_cache .ruff_cache .pytest_cache
