# make demo | make test | make lint | make bench | make help: each sets up what it needs in .venv first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := pip --disable-pip-version-check --quiet
UV     := $(BIN)/uv --quiet --no-progress --system-certs
BEGAN  := $(shell date +%s)

# Everything here starts many processes, each of which would compile a thousand modules anew where bytecode is not kept.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/$(VENV)/bytecode

.DEFAULT_GOAL := help
.PHONY: help demo console test test-one lint format bench bench-rules bench-intake bench-log bench-appending bench-capacity bench-readers bench-watch bench-cli bench-entry bench-listening bench-console area-codes vendored messages pages pictures lock clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.ready-demo ## place real calls against the whole service and stay up (ONCE=1: end by itself)
	@$(BIN)/onrecord demo --began $(BEGAN) $(if $(ONCE),--once)

console: $(VENV)/.ready-demo ## serve the console of a demonstration that has ended (IN=the folder that it named)
	@test -n "$(IN)" || { echo "say IN=FOLDER, the one that 'make demo' named"; exit 2; }
	. "$(IN)/settings.sh" && $(BIN)/onrecord serve

test: lint ## install what the tests need, check the code, run every test
	$(BIN)/python tests/prepare.py
	$(BIN)/pytest -n 2 --dist worksteal $(ARGS)

test-one: $(VENV)/.ready-test ## run some tests: ARGS="tests/policies/test_consent.py -k silence"
	@test -n "$(ARGS)" || { echo 'say which: ARGS="tests/policies/test_consent.py -k silence"'; exit 2; }
	$(BIN)/pytest $(ARGS)

lint: $(VENV)/.ready-test ## ruff and mypy --strict; warnings are errors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.ready-test ## mend what ruff can mend, and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.ready-test ## measure the consent webhook against its baselines, and print the ratios
	$(BIN)/python -m bench.webhook $(ARGS)

bench-rules: $(VENV)/.ready-test ## measure the law pack and one ruling against their baselines
	$(BIN)/python -m bench.rules $(ARGS)

bench-log: $(VENV)/.ready-test ## measure the consent log at a million events
	$(BIN)/python -m bench.log $(ARGS)

bench-appending: $(VENV)/.ready-test ## measure the ways in which processes take turns at the log's end
	$(BIN)/python -m bench.appending $(ARGS)

bench-capacity: $(VENV)/.ready-test ## measure how much this machine takes: the tables of docs/capacity.md (ARGS=--quick: only see that it works)
	$(BIN)/python -m bench.capacity $(ARGS)

bench-readers: $(VENV)/.ready-test ## measure whether whoever reads for minutes holds up callers or jobs (ARGS="--minutes 1")
	$(BIN)/python -m bench.long_readers $(ARGS)

bench-intake: $(VENV)/.ready-test ## measure what a recording costs the worker, against ffmpeg and against AES-GCM alone
	$(BIN)/python -m bench.intake $(ARGS)

bench-watch: $(VENV)/.ready-test ## measure what it costs to see every recording of an account
	$(BIN)/python -m bench.account_watch $(ARGS)

bench-cli: $(VENV)/.ready-test ## measure how soon the command line answers, against its libraries' import
	$(BIN)/python -m bench.command_line $(ARGS)

bench-listening: $(VENV)/.ready-test ## measure the first sound of calls of 90 s to 2 h, and whether all of a long call agrees
	$(BIN)/python -m bench.listening $(ARGS)

bench-entry: $(VENV)/.ready-test ## measure a wrong password for a known name against an unknown one
	$(BIN)/python -m bench.entry $(ARGS)

bench-console: $(VENV)/.ready-test ## measure the list of calls at a million calls, and the webhook beside it
	$(BIN)/python -m bench.console $(ARGS)

area-codes: $(VENV)/.ready-test ## make the table of area codes again from phonenumbers, and print what changed
	$(BIN)/python -m tests.policies.area_codes

vendored: $(VENV)/.ready-test ## fetch the console's scripts and styles of others from npm again, as listed
	$(BIN)/python -m tests.console.vendored

pictures: $(VENV)/.ready-test ## visit every page of the demonstration and take the pictures of docs/pictures again
	$(BIN)/python -m tests.browser.pictures

pages: $(VENV)/.ready-test ## write docs/settings.md and docs/commands.md again from the code
	$(BIN)/python -m tests.reference_pages

messages: $(VENV)/.ready-test ## bring the console's Spanish up to date with its pages, and compile it
	$(BIN)/python -m tests.console.messages

lock: $(VENV)/.ready-test ## pin what pyproject.toml names, with hashes (UPGRADE=1: the newest of everything)
	$(UV) pip install --python $(BIN)/python --upgrade uv
	echo uv | $(BIN)/uv pip compile $(if $(UPGRADE),--upgrade) --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    -o requirements/uv.txt -
	$(BIN)/uv pip compile $(if $(UPGRADE),--upgrade) --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --extra demo --group build -o requirements/demo.txt pyproject.toml
	$(BIN)/uv pip compile $(if $(UPGRADE),--upgrade) --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --extra test --group build -c requirements/demo.txt -o requirements/test.txt pyproject.toml

clean: ## remove what the other targets made
	rm -rf $(VENV) build *.egg-info

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "onrecord needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv --without-pip $(VENV)

# uv installs the lock in seconds, pip in half a minute. The pip that $(PYTHON) has fetches uv; a pip in .venv takes seconds
# to make, and is for a Python that has none, or for a machine that uv has no wheel for, or can't install on.
$(VENV)/.ready-%: requirements/%.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing what 'make $*' needs into $(VENV) (once) ..."
	@PYTHONPYCACHEPREFIX= $(PYTHON) -m $(PIP) --python $(BIN)/python install --only-binary :all: --require-hashes -r requirements/uv.txt 2>/dev/null \
	    && $(UV) pip install --python $(BIN)/python --require-hashes -r requirements/$*.txt \
	    && $(UV) pip install --python $(BIN)/python --no-deps --no-build-isolation --editable . \
	    || { $(BIN)/python -m ensurepip >/dev/null \
	        && $(BIN)/python -m $(PIP) install --require-hashes -r requirements/$*.txt \
	        && $(BIN)/python -m $(PIP) install --no-deps --no-build-isolation --editable .; }
	@touch $@
