# Each command sets itself up: a virtual environment in .venv, filled from requirements.lock.
PYTHON ?= python3.11
BIN := .venv/bin
CHROMIUM ?= /usr/bin/chromium
.DEFAULT_GOAL := help
.PHONY: browser conformance console help demo test bench schema lock clean

help:  ## What can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 10

demo: .venv/ready  ## Watch documents being signed through four providers
	$(BIN)/countersign demo $(ARGS)

test: .venv/ready  ## Everything that has to hold
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 --dist loadscope

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
