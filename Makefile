# make demo: see it work. make test: everything that must hold. See CONTRIBUTING.md for the rest.
SHELL := /bin/bash
SWIFT ?= swift
export SWIFT_BACKTRACE := color=no

DEBUG := .build/debug/edgeferry
# The release build has its own folder, so that each configuration is built once.
RELEASE_FLAGS := -c release --static-swift-stdlib --product edgeferry --scratch-path .build-release
RELEASE := .build-release/release/edgeferry
PREFIX ?= /usr/local
PACKAGES := libcurl4-openssl-dev libssl-dev libldns-dev libsqlite3-dev pkg-config
VENV := .build-venv
PYTHON := $(shell python3 -c 'import boto3' 2>/dev/null && command -v python3 || echo $(VENV)/bin/python3)

.PHONY: setup setup-test build release test demo bench lint format golden docs install ci clean

setup: ## install the -dev packages that are missing
	@missing=$$(for p in $(PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || echo $$p; done); \
	if [ -z "$$missing" ]; then echo "setup: the -dev packages are there"; else \
	  echo "setup: installing" $$missing; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  $$sudo apt-get update -qq && $$sudo apt-get install -y -qq $$missing >/dev/null; fi

setup-test: setup ## and what the tests need: Python with boto3
	@if python3 -c 'import boto3' 2>/dev/null || $(VENV)/bin/python3 -c 'import boto3' 2>/dev/null; \
	then echo "setup: boto3 is there"; else \
	  echo "setup: installing boto3 into $(VENV)"; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  python3 -c 'import ensurepip, venv' 2>/dev/null || { $$sudo apt-get update -qq && $$sudo apt-get install -y -qq python3-venv >/dev/null; }; \
	  python3 -m venv $(VENV) && $(VENV)/bin/pip install -q boto3; fi

build: setup ## debug build of everything, tests included
	$(SWIFT) build --build-tests --enable-code-coverage

release: setup ## the optimised binary, Swift's runtime linked in
	$(SWIFT) build $(RELEASE_FLAGS)

test: setup-test build ## every test, with the coverage of our own sources
	EDGEFERRY_PYTHON="$$(python3 -c 'import boto3' 2>/dev/null && command -v python3 || echo $(CURDIR)/$(VENV)/bin/python3)" \
	  $(SWIFT) test --skip-build --enable-code-coverage
	@python3 Tests/Support/coverage.py "$$($(SWIFT) test --show-codecov-path --enable-code-coverage)"

demo: release ## the main job on the embedded lab
	@runbooks/demo.sh $(RELEASE)

bench: release setup-test ## ratios to named rivals in one run
	@$(PYTHON) Tests/Bench/bench.py $(RELEASE)

format:
	$(SWIFT) format -i -r Package.swift Sources Tests

lint:
	$(SWIFT) format lint --strict -r Package.swift Sources Tests

golden: ## rewrite the golden files; fails, so that the diff is read
	EDGEFERRY_GOLDEN=write $(SWIFT) test --enable-code-coverage --filter golden

docs: build ## man pages and shell completions, made from the commands
	@mkdir -p .build/docs
	$(SWIFT) package --allow-writing-to-package-directory plugin generate-manual --multi-page >/dev/null
	@find .build/plugins -name '*.1' -exec cp {} .build/docs \;
	$(DEBUG) --generate-completion-script bash > .build/docs/edgeferry.bash
	$(DEBUG) --generate-completion-script zsh > .build/docs/_edgeferry
	$(DEBUG) --generate-completion-script fish > .build/docs/edgeferry.fish
	@ls .build/docs

install: release
	install -D -m 0755 $(RELEASE) $(DESTDIR)$(PREFIX)/bin/edgeferry
	strip $(DESTDIR)$(PREFIX)/bin/edgeferry

ci: lint test

clean:
	rm -rf .build .build-release .build-venv
