# make setup     what the tests need: Debian packages, .venv, the checkout as virtnet.linux on the collections path
# make test      every suite and a table of the results; a suite alone by its name: make unit
# make matrix    unit and kernel suites on every supported pair of Python and ansible-core with every pyroute2

PYTHON ?= python3
CACHE := $(CURDIR)/.cache
RESULTS := $(CACHE)/results
LINK := .venv/collections/ansible_collections/virtnet/linux
SUITES := lint unit $(if $(wildcard tests/kernel/test_*.py),kernel) playbooks sanity build cells

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export LC_ALL := C.UTF-8
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.venv/collections
# The commands that pyenv puts on PATH stand for one version each: the others have their own folders.
PYENVS := $(wildcard $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions/*/bin)
EVERY_PYTHON := PATH="$(CURDIR)/.venv/bin:$(subst : ,:,$(addsuffix :,$(PYENVS)))$$PATH"

RUN = @tests/report run $(RESULTS) $@

# A failing check does not keep the others from running.
MAKEFLAGS += --keep-going --no-print-directory
.PHONY: setup packages test suites lint unit kernel playbooks sanity build cells matrix clean

setup: .venv/ready

packages:
	@tests/packages $(PYTHON)

.venv/ready: requirements.txt tests/requirements.txt | packages
	@echo "Making .venv with the tools of tests/requirements.txt."
	@$(PYTHON) -m venv .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt -r tests/requirements.txt
	@mkdir -p $(dir $(LINK))
	@ln -sfn ../../../.. $(LINK)
	@touch $@

test: setup
	@rm -rf $(RESULTS)
	@$(MAKE) suites; made=$$?; tests/report table $(RESULTS) && exit $$made

suites: $(SUITES)

lint: ruff-check ruff-format ansible-lint docs changelog

.PHONY: ruff-check ruff-format ansible-lint docs changelog
ruff-check: setup
	$(RUN) --suite lint -- ruff check --quiet .
ruff-format: setup
	$(RUN) --suite lint -- ruff format --check --quiet .
ansible-lint: setup
	@# It looks in the collections of ANSIBLE_HOME first.
	$(RUN) --suite lint -- env ANSIBLE_HOME=$(CACHE)/home/.ansible ansible-lint -q
docs: setup
	$(RUN) --suite lint -- antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=all .
changelog: setup
	$(RUN) --suite lint -- antsibull-changelog lint

unit: setup
	$(RUN) --cases unit.xml -- pytest --junit-xml=$(RESULTS)/unit.xml tests/unit

kernel: setup
	$(RUN) --cases kernel.xml -- tests/sandbox pytest --junit-xml=$(RESULTS)/kernel.xml tests/kernel

playbooks: setup
	@$(MAKE) -j2 --output-sync lives turns

.PHONY: lives turns
lives turns: setup
	$(RUN) --suite playbooks --cases $@.xml -- tests/sandbox pytest --junit-xml=$(RESULTS)/$@.xml tests/playbooks/test_$@.py

sanity: setup
	$(RUN) --cases '$(CURDIR)/tests/output/junit/*.xml' -- env $(EVERY_PYTHON) tests/ansible-sanity $(LINK) $(CACHE)/home

build: setup
	$(RUN) -- tests/artifact $(CACHE)/artifact

cells: setup
	$(RUN) --cases cells.json -- env $(EVERY_PYTHON) nox --tags few --report $(RESULTS)/cells.json

matrix: setup
	$(RUN) --cases matrix.json -- env $(EVERY_PYTHON) nox --report $(RESULTS)/matrix.json

clean:
	rm -rf .venv .cache tests/output
