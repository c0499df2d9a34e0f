# make demo: see it work. make test: everything that must hold. See CONTRIBUTING.md for the rest.
SHELL := /bin/bash
SWIFT ?= swift
export SWIFT_BACKTRACE := color=no

DEBUG := .build/debug/edgeferry
# The release build has its own folder, so that each configuration is built once.
RELEASE_FLAGS := -c release --static-swift-stdlib --product edgeferry --scratch-path .build-release
RELEASE := .build-release/release/edgeferry
PREFIX ?= /usr/local
PACKAGES := libcurl4-openssl-dev libssl-dev libldns-dev libsqlite3-dev pkg-config ca-certificates
VENV := .build-venv
# botocore is the oracle of some tests: they are made for this version of it.
PYTHON_PACKAGES := boto3==1.43.11 botocore==1.43.11 awscli==1.45.11 awscrt==0.38.1 'moto[server,stepfunctions]==5.2.1' dnspython pyyaml jsonschema octodns==1.22.0 cfn-lint==1.58.0 \
  kubernetes-validate==1.37.0 check-jsonschema==0.39.0 python-hcl2==8.1.4 markdown-it-py==4.3.0
HAS_PYTHON := python3 -c 'import awscrt,boto3,cfnlint,check_jsonschema,dns,hcl2,kubernetes_validate,markdown_it,moto,flask,yaml,octodns,jsonschema,sys; sys.exit(boto3.__version__ != "1.43.11")' 2>/dev/null
PYTHON = $$($(HAS_PYTHON) && command -v python3 || echo $(CURDIR)/$(VENV)/bin/python3)
# What the tests run, and the Debian package that it is in.
TOOLS := curl:curl openssl:openssl python3:python3 jq:jq named:bind9 named-compilezone:bind9-utils dig:bind9-dnsutils \
  knotd:knot kdig:knot-dnsutils unbound:unbound faketime:faketime ldns-signzone:ldnsutils mandoc:mandoc groff:groff-base zsh:zsh fish:fish
MEMCHECK_TOOLS := valgrind:valgrind
DEB_TOOLS := dpkg-shlibdeps:dpkg-dev strip:binutils xz:xz-utils
# Man pages and packages are dated by the commit that they are made from, so that making them again gives the same bytes.
MANUAL := .build-manual
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || date +%s)
BENCH_TOOLS := dnsperf:dnsperf nsd:nsd

.PHONY: setup setup-test build release test sanitize fuzz valgrind demo bench lint format golden docs manual install uninstall deb deb-test ci clean

setup: ## install the -dev packages that are missing
	@missing=$$(for p in $(PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || echo $$p; done); \
	if [ -z "$$missing" ]; then echo "setup: the -dev packages are there"; else \
	  echo "setup: installing" $$missing; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  $$sudo apt-get update -qq && $$sudo apt-get install -y -qq $$missing >/dev/null; fi

# Installs what is missing of a list of tool:package. A server that comes that way must not start by itself.
define install_tools
	@missing=$$(for it in $(1); do PATH="$$PATH:/usr/sbin:/sbin" command -v $${it%%:*} >/dev/null || echo $${it##*:}; done); \
	if [ -z "$$missing" ]; then echo "setup: the tools of the $(2) are there"; else \
	  echo "setup: installing" $$missing; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; policy=/usr/sbin/policy-rc.d; made=; \
	  [ -e $$policy ] || { printf '#!/bin/sh\nexit 101\n' | $$sudo install -m 755 /dev/stdin $$policy; made=1; }; \
	  $$sudo apt-get update -qq && $$sudo apt-get install -y -qq $$missing >/dev/null; done=$$?; \
	  [ -z "$$made" ] || $$sudo rm -f $$policy; exit $$done; fi
endef

setup-test: setup ## and what the tests need: Python with boto3 and moto, DNS servers and their tools
	$(call install_tools,$(TOOLS),tests)
	@if $(HAS_PYTHON) || $(VENV)/bin/python3 -c 'import awscrt,boto3,cfnlint,check_jsonschema,dns,hcl2,kubernetes_validate,markdown_it,moto,octodns,jsonschema' 2>/dev/null; then echo "setup: Python's packages are there"; else \
	  echo "setup: installing Python's packages into $(VENV)"; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  python3 -c 'import ensurepip, venv' 2>/dev/null || { $$sudo apt-get update -qq && $$sudo apt-get install -y -qq python3-venv >/dev/null; }; \
	  python3 -m venv $(VENV) && $(VENV)/bin/pip install -q $(PYTHON_PACKAGES); fi

build: setup ## debug build of everything, tests included
	$(SWIFT) build --build-tests --enable-code-coverage

release: setup ## the optimised binary, Swift's runtime linked in
	$(SWIFT) build $(RELEASE_FLAGS)

# First what is pure, then the built binary: the first kind computes, the second waits and starts servers. Only so many at a
# time, or those with a deadline of real time starve.
PROFILES := $(CURDIR)/.build/profiles
PROFILED := LLVM_PROFILE_FILE='$(PROFILES)/%m.%p.profraw'
TEST := $(SWIFT) test --skip-build --disable-xctest
test: setup-test build ## every test, with the coverage of our own sources
	@rm -rf $(PROFILES)
	$(PROFILED) EDGEFERRY_PYTHON="$(PYTHON)" SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=8 $(TEST) --skip EndToEndTests
	PATH="$$PATH:$(CURDIR)/$(VENV)/bin" $(PROFILED) EDGEFERRY_PYTHON="$(PYTHON)" \
	  SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=10 $(TEST) --filter EndToEndTests
	@python3 Tests/Support/coverage.py .build/debug $(PROFILES)

# XCTest's own start leaks. Of the binary's tests those that talk DNS, TLS, HTTP and SQL: it is several times as slow so.
SANITIZED := AuditEndToEndTests|BadInputTests|CredentialTests|EdgeEndToEndTests|HostileTests|LabDNSTests|MigrateZoneTests|ProbeTests|RehearseEndToEndTests|SharedStateTests|SigningEndToEndTests|UpdateZoneTests|ZoneApplyTests
sanitize: setup-test ## the tests under AddressSanitizer (leaks too) and ThreadSanitizer
	@for kind in address thread; do \
	  $(SWIFT) build --build-tests --sanitize=$$kind --scratch-path .build-$$kind || exit 1; \
	  for part in '--skip EndToEndTests|KillTests' '--filter EndToEndTests\.($(SANITIZED))'; do \
	    LSAN_OPTIONS=suppressions=$(CURDIR)/Tests/Support/lsan.supp:print_suppressions=0 EDGEFERRY_PYTHON="$(PYTHON)" \
	    SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=4 \
	    $(TEST) --sanitize=$$kind --scratch-path .build-$$kind $$part || exit 1; \
	  done; done

FUZZ_SECONDS ?= 60
fuzz: setup ## every reader of bytes under AddressSanitizer, with libFuzzer's coverage, for FUZZ_SECONDS in all
	@Tests/Support/fuzz.sh $(FUZZ_SECONDS)

valgrind: release setup-test ## commands of every group under memcheck
	$(call install_tools,$(MEMCHECK_TOOLS),memory check)
	@Tests/Support/valgrind.sh $(RELEASE) "$(PYTHON)"

demo: release ## the main job on the embedded lab
	@runbooks/demo.sh $(RELEASE)

bench: release setup-test ## ratios to named rivals in one run
	$(call install_tools,$(BENCH_TOOLS),bench)
	@$(PYTHON) Tests/Bench/bench.py $(RELEASE)
	@$(PYTHON) Tests/Bench/dns.py $(RELEASE)
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(PYTHON) Tests/Bench/plan.py $(RELEASE)
	@$(PYTHON) Tests/Bench/rehearse.py $(RELEASE)
	@$(PYTHON) Tests/Bench/migrate.py $(RELEASE)
	@$(PYTHON) Tests/Bench/handover.py $(RELEASE)
	@[ -x .build-bench/bin/custodian ] || { python3 -m venv .build-bench && .build-bench/bin/pip install -q c7n; }
	@$(PYTHON) Tests/Bench/sweep.py $(RELEASE)

format:
	$(SWIFT) format -i -r Package.swift Sources Tests

lint:
	$(SWIFT) format lint --strict -r Package.swift Sources Tests

golden: ## rewrite the golden files; fails, so that the diff is read
	EDGEFERRY_GOLDEN=write $(SWIFT) test --enable-code-coverage --filter golden

docs: release setup-test ## the documentation as a site; a link that leads nowhere fails
	@$(PYTHON) packaging/site.py $(RELEASE) .build-docs

manual: release ## man pages, completions and licences, made from the binary
	$(call install_tools,python3:python3,manual)
	@packaging/manual.sh $(RELEASE) $(MANUAL) .build-release/checkouts

install: manual ## below PREFIX: the binary and what goes with it
	@packaging/install.sh $(RELEASE) $(MANUAL) "$(PREFIX)" "$(DESTDIR)"

uninstall: ## what install put there
	@packaging/uninstall.sh "$(PREFIX)" "$(DESTDIR)"

deb: manual ## a Debian package in .build-deb
	$(call install_tools,$(DEB_TOOLS),package)
	@packaging/deb.sh $(RELEASE) $(MANUAL) .build-deb

deb-test: deb ## the package in a clean Debian 12, made by debootstrap
	$(call install_tools,debootstrap:debootstrap,package)
	@Tests/Support/deb.sh .build-deb/edgeferry_$$($(RELEASE) --version)_$$(dpkg --print-architecture).deb .build-deb

ci: lint test

clean:
	rm -rf .build .build-release .build-docs .build-manual .build-deb .build-venv .build-bench .build-address .build-thread .build-fuzz
