# `make` or `make help` lists the targets.
.DEFAULT_GOAL := help
PY := .venv/bin/python
PYTEST := .venv/bin/pytest

.PHONY: help
help: ## list these targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo test
demo: ## set up, ingest the sample courseware, serve the site
	sh deploy/demo.sh
test: ## set up and pass every test
	sh deploy/test.sh

.PHONY: servers up down
servers: ## bring the servers that no package of the system brings
	$(PY) -m tests.servers.fetch
up: ## the grown profile on this machine, in the background: make up [FOLDER=/path]
	$(PY) -m tests.servers.up $(FOLDER)
down: ## end it; the data stay
	$(PY) -m tests.servers.up --down $(FOLDER)

.PHONY: check lint types
check: lint types ## lint, types, import contracts, dependencies, licences
	.venv/bin/lint-imports
	.venv/bin/deptry .
	sh deploy/licences.sh
lint: ## ruff: rules and format
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
types: ## mypy --strict over packages and tests
	.venv/bin/mypy

.PHONY: unit contracts journeys faults simulation docs-test
unit: ## tests of the three packages
	$(PYTEST) tests/ingest tests/search tests/repo_service
contracts: ## one suite per port, over every backend
	$(PYTEST) tests/contracts
journeys: ## learner, institution and curator in Chromium
	$(PYTEST) tests/journeys
faults: ## kill points and hostile input
	$(PYTEST) tests/faults
simulation: ## the job core under 20,000 seeds
	XUEHAI_SIM_SEEDS=20000 $(PYTEST) --timeout 3600 tests/simulation
docs-test: ## README, settings, commands, routes and error codes against the code
	$(PYTEST) tests/docs

.PHONY: bench bench-ci eval assets docs
bench: ## measure the performance goals, side by side with their peers
	$(PY) -m tests.bench
bench-ci: ## the same, small
	$(PY) -m tests.bench --small
eval: ## search quality on the judged questions
	$(PY) -m tests.search.eval
assets: ## rebuild the browser's files and the message catalogues
	$(PY) hatch_build.py
docs: ## write the generated tables of the documents and the description of the API again
	$(PY) -m tests.docs.render
	$(PY) -m tests.repo_service.api.snapshot
