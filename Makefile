# Each command sets itself up: a virtual environment in .venv, filled from requirements.lock.
PYTHON ?= python3.11
PYTHONS ?= 3.11 3.12 3.13 3.14
BIN := .venv/bin
# More workers than cores, as a good part of the tests waits; those that are done take over tests of the others.
PYTEST := $(BIN)/python -m pytest -n 3 --dist worksteal
UNIT := "not servers and not exhaustive and not soak"
# Gateways in processes of their own start in half the time where their modules are compiled already.
unexport PYTHONDONTWRITEBYTECODE
CHROMIUM ?= /usr/bin/chromium
.DEFAULT_GOAL := help
.PHONY: bench browser check check-all clean conformance console demo format help layers lint lock next schema soak test types unit

help:  ## What can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 10

demo: .venv/ready  ## Watch documents being signed through four providers
	$(BIN)/countersign demo $(ARGS)

check: format lint types layers unit  ## What has to hold before each commit, in a minute and a half

test: format lint types layers  ## Everything that has to hold
	$(PYTEST)

soak: .venv/ready  ## What takes long: two minutes of chaos, a storm of webhooks, a million requests
	SOAK=1 $(BIN)/python -m pytest -m soak

check-all: .venv/ready  ## The tests of make check with each Python that is there (PYTHONS="3.11 3.12 …")
	@for version in $(PYTHONS); do .ci/check-with $$version || exit 1; done

next: .venv/ready  ## The tests of the executor with the next graphql-core and strawberry; may fail
	@.ci/check-next

format: .venv/ready
	$(BIN)/ruff format --check .

lint: .venv/ready
	$(BIN)/ruff check .

types: .venv/ready
	$(BIN)/mypy

layers: .venv/ready
	$(BIN)/lint-imports

unit: .venv/ready
	$(PYTEST) -q -m $(UNIT)

browser: .venv/ready $(CHROMIUM)  ## The page for people, in a real browser
	CHROMIUM=$(CHROMIUM) $(BIN)/python -m pytest tests/browser

conformance: .venv/ready .venv-apart/ready tests/conformance/node_modules  ## What others have written, against a gateway
	PATH="$$PATH:$(CURDIR)/.venv-apart/bin" $(BIN)/python -m pytest tests/conformance

console:  ## Build the page for people after a change (needs Node 20 or newer)
	cd gateway/console && npm ci --no-audit --no-fund && npm run build

bench: .venv/ready  ## What it costs
	$(BIN)/python -m tests.bench $(ARGS)

schema: .venv/ready  ## Export the SDL after a change
	$(BIN)/countersign schema > schema/schema.graphql

lock: .venv/ready  ## Choose the newest versions of everything
	$(BIN)/uv pip compile pyproject.toml --extra dev --python-version 3.11 --universal --upgrade --quiet \
		--generate-hashes --no-emit-index-url --no-header --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml --constraint requirements.lock --python-version 3.11 --universal --quiet \
		--generate-hashes --no-emit-index-url --no-header --output-file deploy/requirements.lock

clean:  ## Forget the environment
	rm -rf .venv .venv-apart tests/conformance/node_modules tests/bench/peers/node_modules gateway/console/node_modules

/usr/bin/chromium:
	@test "$$(id -u)" = 0 || { echo "Install Chromium, or say where it is: make browser CHROMIUM=…"; exit 1; }
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium

tests/conformance/node_modules: tests/conformance/package-lock.json .venv-apart/ready
	command -v npm > /dev/null || .venv-apart/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--requirement tests/conformance/apart/node.lock
	cd tests/conformance && PATH="$$PATH:$(CURDIR)/.venv-apart/bin" npm ci --no-audit --no-fund --loglevel=error
	touch $@

.venv-apart/ready: tests/conformance/apart/requirements.lock
	$(PYTHON) -m venv .venv-apart
	.venv-apart/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	touch $@

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	touch $@
