# carewatch: every target sets up what it needs. Try `make`, then `make demo`.
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-pure test-broker test-engine test-scenarios test-faults quick coverage golden properties bench chaos soak fuzz dashboards dictionary lint lock vendor clean
SHELL := /bin/bash
BIN := .venv/bin
ENGINE := tests/engine tests/streams
FAULTS := $(addprefix tests/scenarios/test_,chaos.py kills.py three_brokers.py)
UPLOT := .venv/wall/node_modules/uplot
ARIMO := .venv/wall/node_modules/@fontsource-variable/arimo
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" --quiet

help: ## this list
	@echo "carewatch: webhooks in, live customer-care metrics out."
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo '  options go in ARGS: make demo ARGS="--for 60", make quick ARGS="-k rulebook"'

setup: .venv/.installed ## create .venv and install everything that is locked in requirements/

demo: setup ## run everything on this machine and watch live numbers; Ctrl-C ends it
	$(BIN)/carewatch demo $(ARGS)

test: lint .venv/.asyncapi .venv/.wall ## every check and every test, with a real Kafka, Prometheus and browser
	@$(MAKE) --no-print-directory -j3 test-scenarios test-pure test-engine test-faults test-broker

test-pure: setup ## the part of it without a broker
	$(BIN)/pytest -m "not broker" --durations=15 $(ARGS)

test-broker: setup ## the part of it on a real Kafka, but for the engine
	$(BIN)/pytest -m "broker and not slow" $(ENGINE:%=--ignore=%) --durations=15 $(ARGS)

test-engine: setup ## the engine and its workers on a real Kafka
	$(BIN)/pytest -m "broker and not slow" $(ENGINE) --durations=15 $(ARGS)

test-scenarios: setup ## the part of it on whole deployments: minutes of waiting
	$(BIN)/pytest -m "broker and slow" $(FAULTS:%=--ignore=%) --durations=15 $(ARGS)

test-faults: setup ## the part of it in which workers and brokers die: the longest of them
	$(BIN)/pytest -m "broker and slow" $(FAULTS) --durations=15 $(ARGS)

quick: setup ## the tests that need no Kafka
	$(BIN)/pytest -q -m "not broker and not slow" $(ARGS)

coverage: setup ## which lines and branches the tests without a broker reach; twice as slow as they are
	$(BIN)/pytest -q -m "not broker" --cov --cov-report=term $(ARGS)

golden: setup ## the golden cases alone
	$(BIN)/pytest -q tests/commands/test_replay.py $(ARGS)

properties: setup ## the properties alone, on twenty times as many examples; ARGS="-k order"
	CAREWATCH_EXAMPLES=20 $(BIN)/pytest -q -m "hypothesis and not broker" --timeout=0 $(ARGS)

bench: setup ## benchmarks; figures are ratios to a baseline of the same run; RESTORE= PIPELINE= LATENCY="--help"
	$(BIN)/python bench/fold.py $(ARGS)
	$(BIN)/python bench/panes.py
	$(BIN)/python bench/scrape.py
	$(BIN)/python bench/walls.py
	$(BIN)/python bench/gateway.py
	$(BIN)/python bench/restore.py $(RESTORE)
	$(BIN)/python bench/pipeline.py $(PIPELINE)
	PYTHONPATH=tests $(BIN)/python bench/latency.py $(LATENCY)

chaos: setup ## faults by the dozen under live traffic, then every number checked; ARGS="--help"
	PYTHONPATH=tests $(BIN)/python -m chaos $(ARGS)

soak: setup ## half the capacity with faults for half an hour, and nothing may grow; ARGS="--help"
	PYTHONPATH=tests $(BIN)/python -m chaos.soak --report docs/soak.json $(ARGS)

fuzz: setup ## coverage-guided fuzzing of every parser, verifier and decoder; ARGS="--minutes N"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/fuzz.txt
	PYTHONPATH=tests $(BIN)/python -m fuzz $(ARGS)

dashboards: setup ## write the Grafana dashboards anew from deploy/grafana/boards.py
	$(BIN)/python deploy/grafana/generate.py

dictionary: setup ## make the dictionary anew by which conversations are packed; older rows are refused
	PYTHONPATH=tests $(BIN)/python -m support.dictionary

lint: setup ## format, style, types, architecture, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

lock: setup ## resolve requirements/*.in anew into requirements/*.txt, with hashes
	for part in runtime local dev fuzz; do \
		$(BIN)/$(LOCK) requirements/$$part.in -o requirements/$$part.txt || exit 1; done
	for part in asyncapi wall; do (cd requirements/$$part && npm install --package-lock-only \
		--ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved=true) || exit 1; done

vendor: .venv/.wall ## copy uPlot and Arimo into the wall page, in the versions of requirements/wall
	cp $(UPLOT)/dist/uPlot.iife.min.js $(UPLOT)/dist/uPlot.min.css \
		$(ARIMO)/files/arimo-latin-wght-normal.woff2 service/carewatch/wall/vendor/
	cp $(UPLOT)/LICENSE service/carewatch/wall/vendor/uPlot.LICENSE
	cp $(ARIMO)/LICENSE service/carewatch/wall/vendor/arimo.LICENSE
	cd service/carewatch/wall/vendor && sha256sum uPlot.* arimo* > SHA256SUMS

clean: ## remove the environment and everything that was made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
	find service tests -name __pycache__ -prune -exec rm -rf {} +

.venv/bin/uv:
	@test -n "$(PYTHON)" || { echo "carewatch needs Python 3.11 or later, and none was found." \
		"Install it (Debian: apt-get install python3 python3-venv) or set PYTHON=/path/to/python." >&2; \
		exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Python's venv is missing (Debian: apt-get install" \
		"python3-venv)." >&2; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep -o '^uv==[0-9.]*' requirements/dev.txt)"

.venv/.installed: requirements/dev.txt pyproject.toml | .venv/bin/uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

.venv/.system: .ci/system-packages | .venv/.installed
	@.ci/system-packages
	@touch $@

# The parser that checks schemas/asyncapi.yaml; without npm its one test is skipped and says so.
.venv/.asyncapi: requirements/asyncapi/package-lock.json .venv/.system
	@mkdir -p .venv/asyncapi && cp requirements/asyncapi/package*.json .venv/asyncapi/
	@! command -v npm >/dev/null || npm ci --prefix .venv/asyncapi --ignore-scripts --no-audit \
		--no-fund --loglevel=error
	@touch $@

# What judges the wall page for those who cannot see it; without npm these tests are skipped.
.venv/.wall: requirements/wall/package-lock.json .venv/.system
	@mkdir -p .venv/wall && cp requirements/wall/package*.json .venv/wall/
	@! command -v npm >/dev/null || npm ci --prefix .venv/wall --ignore-scripts --no-audit \
		--no-fund --loglevel=error
	@touch $@
