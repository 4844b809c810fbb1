# make demo: a network in a sandbox, proven by packets.   make test: every check.   Both set up what they need.
SHELL := /bin/bash
export PATH := $(CURDIR)/.venv/bin:$(PATH):/usr/sbin:/sbin
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.venv/collections
export ANSIBLE_HOME := $(CURDIR)/.cache/ansible
export ANSIBLE_LOCALHOST_WARNING := false
export ANSIBLE_INVENTORY_UNPARSED_WARNING := false
SUITES := lint unit kernel playbooks sanity build matrix

.PHONY: help setup demo test matrix bench clean $(SUITES)

help:
	@sed -n 1p Makefile; echo "make $(SUITES): one suite.   make bench: the benchmarks.   make matrix: every version."

setup: .venv/ready

.venv/ready: requirements.txt tests/requirements.txt tests/setup
	@tests/setup

demo: .venv/ready
	@tests/demo/demo

test: .venv/ready
	@tests/run $(filter-out matrix,$(SUITES)) versions

$(filter-out matrix,$(SUITES)): .venv/ready
	@tests/run $@

matrix: .venv/ready
	@nox --no-error-on-missing-interpreters

bench: .venv/ready
	@tests/sandbox python tests/bench/bench.py

clean:
	rm -rf .venv .cache
