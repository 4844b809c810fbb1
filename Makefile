# make setup     what the tests need: Debian packages, .venv, the checkout as virtnet.linux on the collections path
# make test      every suite and a table of the results; a suite alone by its name: make unit
# make test HOSTS=inventory.yml    likewise, with the scenarios on these hosts; HOSTS=local: on this machine
# make test-all  likewise, and every suite and scenario on every test host
# make docs      the documentation as HTML, with a page for each module, plugin and role
# make demo      a bridge LAN behind a router with NAT, built in a sandbox, with who reaches whom and what passes
# make bench     times of tasks, of whole topologies, of probes and of traces, as ratios to their peers
# make hosts     a shell among the test hosts
# make managers  a test host beside networkd, NetworkManager, ifupdown, Docker, firewalld and udev, and a table of what holds
# make managers-quick  likewise, without what boots it; make managers-all: likewise, with 20 boots and every role
# make test-matrix  a bit of every suite on every supported pair of Python and ansible-core with every pyroute2

PYTHON ?= python3
CACHE := $(CURDIR)/.cache
RESULTS := $(CACHE)/results
LOGS := $(CACHE)/logs
LINK := .venv/collections/ansible_collections/virtnet/linux
# One more than there are processors, as some wait: for network cards to go, for hosts to boot.
JOBS ?= $(shell expr $$(nproc) + 1)
# The longest come first and short ones last; those that wait for the same lock are apart.
SUITES := $(if $(HOSTS),,fleet-build) lint unit $(if $(HOSTS),,fleet-itself) kernel sanity documentation
SUITES += $(if $(HOSTS),molecule-hosts,fleet-kernel molecule) lives $(if $(HOSTS),,fleet-modules) turns cells
SUITES += inside foreign demonstration pictures looks build $(if $(HOSTS),,udev)

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export LC_ALL := C.UTF-8
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.venv/collections
# The commands that pyenv puts on PATH stand for one version each: the others have their own folders.
PYENVS := $(wildcard $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions/*/bin)
EVERY_PYTHON := PATH="$(CURDIR)/.venv/bin:$(subst : ,:,$(addsuffix :,$(PYENVS)))$$PATH"

RUN = @tests/report run $(RESULTS) $@ --log $(LOGS)/$@.log

# A failing check does not keep the others from running.
MAKEFLAGS += --keep-going --no-print-directory
.PHONY: setup packages test test-all test-matrix suites lint unit documentation kernel playbooks demonstration fleet
.PHONY: foreign foreign-all molecule hosts sanity build cells docs demo bench clean

setup: .venv/ready

packages:
	@tests/packages $(PYTHON)

.venv/ready: requirements.txt tests/requirements.txt tests/openvswitch | packages
	@echo "Making .venv with the tools of tests/requirements.txt."
	@$(PYTHON) -m venv .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt -r tests/requirements.txt
	@mkdir -p $(dir $(LINK))
	@ln -sfn ../../../.. $(LINK)
	@tests/openvswitch .venv/collections
	@touch $@

test: setup
	@rm -rf $(RESULTS) $(LOGS)
	@echo "Running the suites, $(JOBS) at a time. What runs writes to $(LOGS)."
	@$(MAKE) -j$(JOBS) suites; made=$$?; tests/report table $(RESULTS) && exit $$made || { echo "Logs: $(LOGS)"; exit 1; }

test-all:
	@$(MAKE) test ALL=yes

suites: $(SUITES)

lint: ruff-check ruff-format ansible-lint plugin-docs options changelog

.PHONY: ruff-check ruff-format ansible-lint plugin-docs options changelog
ruff-check: setup
	$(RUN) --suite lint -- ruff check --quiet .
ruff-format: setup
	$(RUN) --suite lint -- ruff format --check --quiet .
ansible-lint: setup
	@# It looks in the collections of ANSIBLE_HOME first.
	$(RUN) --suite lint -- env ANSIBLE_HOME=$(CACHE)/home/.ansible ansible-lint -q
plugin-docs: setup
	$(RUN) --suite lint -- antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=all .
options: setup
	$(RUN) --suite lint -- sh -c 'tests/options-table | diff -u docs/options.md - || { echo "do: tests/options-table >docs/options.md"; false; }'
changelog: setup
	$(RUN) --suite lint -- antsibull-changelog lint

unit: setup
	$(RUN) --cases unit.xml -- pytest --junit-xml=$(RESULTS)/unit.xml tests/unit

documentation: setup $(CACHE)/docs/ready
	$(RUN) --cases documentation.xml -- pytest --junit-xml=$(RESULTS)/documentation.xml tests/docs

# The devices of macvtaps have names that all sandboxes of the machine share, those of other checkouts too.
IN_TURN = flock --close /dev
kernel: setup
	@# Who cannot make the virtual machine does without its tests: the test hosts need the same.
	@tests/fleet/run --guest || [ $$? = 77 ]
	$(RUN) --cases kernel.xml -- $(IN_TURN) tests/sandbox pytest --junit-xml=$(RESULTS)/kernel.xml tests/kernel

foreign: setup
	$(RUN) --cases foreign.xml -- tests/sandbox pytest --junit-xml=$(RESULTS)/foreign.xml tests/foreign

# Many networks, here and on each of the test hosts: EXAMPLES=1300 make foreign-all
foreign-all: export EXAMPLES ?= 200
foreign-all: fleet-build
	$(RUN) --suite foreign --cases foreign.xml -- tests/sandbox pytest --junit-xml=$(RESULTS)/foreign.xml tests/foreign
	$(RUN) --suite foreign --cases '$@-d*.xml' -- env FLEET_LOGS=$(LOGS)/$@ tests/fleet/run tests/fleet/kernel $(RESULTS)/$@ tests/foreign

playbooks: lives turns looks inside pictures

.PHONY: lives turns looks inside pictures
lives: TURN := $(IN_TURN)
lives turns looks inside pictures: setup
	$(RUN) --suite playbooks --cases $@.xml -- $(TURN) tests/sandbox pytest --junit-xml=$(RESULTS)/$@.xml tests/playbooks/test_$@.py

demonstration: setup
	$(RUN) --cases demonstration.xml -- pytest --junit-xml=$(RESULTS)/demonstration.xml tests/demo

# Hosts are slow: they try few examples, and what only some can do is tried on the fastest alone.
SCENARIOS := $(notdir $(patsubst %/,%,$(dir $(wildcard extensions/molecule/*/side_effect.yml))))
EVERYWHERE := $(if $(ALL),,$(filter nat_gateway netns_pair,$(SCENARIOS)))
REST := $(filter-out $(EVERYWHERE),$(SCENARIOS))
# Every third of them.
THIRD = $(shell echo $(REST) | tr ' ' '\n' | awk 'NR % 3 == $(1)')

fleet: fleet-build fleet-kernel fleet-modules fleet-itself
molecule: $(if $(HOSTS),molecule-hosts,molecule-all molecule-0 molecule-1 molecule-2)

.PHONY: fleet-build fleet-itself fleet-kernel fleet-modules
.PHONY: molecule-hosts molecule-all molecule-0 molecule-1 molecule-2
fleet-build: setup
	$(RUN) -- tests/fleet/run --build
fleet-itself: fleet-build
	$(RUN) --suite fleet --cases $@.xml -- tests/sandbox pytest --junit-xml=$(RESULTS)/$@.xml tests/fleet/test_fleet.py
fleet-kernel: export EXAMPLES := $(if $(ALL),20)
fleet-kernel: fleet-build
	$(RUN) --suite fleet --cases '$@-d*.xml' -- env FLEET_LOGS=$(LOGS)/$@ tests/fleet/run tests/fleet/kernel $(RESULTS)/$@ $(if $(ALL),tests/kernel --ignore tests/kernel/test_examples.py,tests/kernel/test_properties.py)
fleet-modules: fleet-build
	$(if $(ALL),,$(RUN) --suite fleet --cases '$@-d*.xml' -- env FLEET_LOGS=$(LOGS)/$@ tests/fleet/run --hosts d14 tests/fleet/kernel $(RESULTS)/$@ tests/kernel/test_modules.py tests/kernel/test_topology_info.py tests/kernel/test_bad_input.py tests/kernel/test_topology.py tests/kernel/test_swaps.py tests/kernel/test_recreate.py tests/kernel/test_trace.py -m needs)
molecule-hosts: setup
	$(RUN) --suite molecule --cases $@.xml -- env MOLECULE_INVENTORY=$(if $(filter local,$(HOSTS)),$(CURDIR)/tests/fleet/local.yml,$(abspath $(HOSTS))) tests/fleet/scenarios $(RESULTS)/$@.xml $(LOGS)/$@ $(SCENARIOS)
PLAYED = $(if $(SHARE),$(RUN) --suite molecule --cases $@.xml -- env FLEET_LOGS=$(LOGS)/$@ tests/fleet/run $(1) tests/fleet/scenarios $(RESULTS)/$@.xml $(LOGS)/$@ $(SHARE))
molecule-all: SHARE := $(EVERYWHERE)
molecule-all: fleet-build
	$(call PLAYED)
molecule-0 molecule-1 molecule-2: SHARE = $(call THIRD,$(lastword $(subst -, ,$@)))
molecule-0 molecule-1 molecule-2: fleet-build
	$(call PLAYED,$(if $(ALL),,--hosts d14))

hosts: fleet-build
	@tests/fleet/run sh -c 'echo "ansible all -m ping; ssh -F $$FLEET/ssh_config d12; exit ends them"; exec $${SHELL:-bash}'

# Debian 13 is what most have, and the newest kernel is twice as fast.
MANAGERS := network-manager,firewalld,ifupdown,dhcpcd-base,docker.io,iptables-persistent
MANAGED := tests/fleet/run --hosts $(or $(HOST),d13) --kernel $(or $(KERNEL),d14) --with $(MANAGERS) --rescue

# What needs no packages beside those of Debian, and no boot.
.PHONY: udev
udev: fleet-build
	$(RUN) --cases $@.xml -- env FLEET_LOGS=$(LOGS)/$@ tests/fleet/run --hosts d13 --kernel d14 --systemd --rescue pytest --junit-xml=$(RESULTS)/$@.xml -m "not long and not boots" tests/managers -k "test_udev or test_mac or test_undo or networkd_has_the_card"

.PHONY: managers managers-quick managers-all
managers managers-quick managers-all: setup
	@$(MANAGED) --build || [ $$? = 77 ]
	@rm -rf $(CACHE)/$@ && mkdir -p $(RESULTS)
	$(RUN) --cases $@.xml -- env FLEET_LOGS=$(LOGS)/$@ MANAGERS_TABLE=$(RESULTS)/$@.md $(MANAGED) --state $(CACHE)/$@ pytest --junit-xml=$(RESULTS)/$@.xml $(if $(filter managers,$@),-m "not long",$(if $(filter managers-quick,$@),-m "not long and not boots")) tests/managers

sanity: setup
	$(RUN) --cases '$(CURDIR)/tests/output/junit/*.xml' -- env $(EVERY_PYTHON) tests/ansible-sanity $(LINK) $(CACHE)/home

build: setup
	$(RUN) -- tests/artifact $(CACHE)/artifact

cells: setup
	$(RUN) --cases cells.json -- $(IN_TURN) env $(EVERY_PYTHON) nox --tags few --report $(RESULTS)/cells.json

docs: setup $(CACHE)/docs/ready
	@tests/docs/build $(CACHE)/html

$(CACHE)/docs/ready: tests/docs/requirements.txt
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

demo: setup
	@tests/demo/run

bench: setup $(CACHE)/ifstate
	@echo "The time of one task, beside its peers in the same run:"
	@tests/sandbox tests/bench/one_task
	@echo "A task on a fleet of network namespaces, beside ping on the same, in the same run:"
	@tests/sandbox tests/bench/fleet
	@echo "Whole topologies, beside the same made by ip(8), in the same run:"
	@tests/sandbox tests/bench/topology
	@echo "Who reaches whom, beside pings in the same run:"
	@tests/sandbox tests/bench/reach
	@echo "The way of a packet, beside what one does by hand, in the same run:"
	@tests/sandbox tests/bench/trace

$(CACHE)/ifstate: tests/bench/requirements.txt
	@$(PYTHON) -m venv $@
	@$@/bin/pip install --quiet --disable-pip-version-check -r $<

test-matrix: setup
	$(RUN) --cases matrix.json -- env $(EVERY_PYTHON) nox --report $(RESULTS)/matrix.json

clean:
	rm -rf .venv .cache tests/output
