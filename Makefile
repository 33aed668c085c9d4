# The front door: every target sets up what it needs, then hands over to CMake and the tools. `make help` lists them.
BUILD        := build/release
PREFIX       ?= /usr/local
FUZZ_SECONDS ?= 60
OFFLINE      ?=

.PHONY: all demo demo-bytes demo-llm test test-long test-tsan test-aarch64 prepare-build prepare-demo prepare-test bench bench-llm fuzz check format install clean help
.DEFAULT_GOAL := all

all: prepare-build ## build build/release/whet and libwhet.{a,so}
	@cmake --preset release -DWHET_TESTS=OFF --log-level=WARNING >/dev/null
	@cmake --build $(BUILD)

demo: prepare-demo all ## optimize trained models on labelled pictures, with the proof (installs what it needs)
	@tools/run-demo

demo-bytes: all ## the same on the machine's own files, with a model that tells file types
	@tools/run-demo-bytes

demo-llm: all ## a language model assessed, answering, quantized and measured (fetches 98 MB)
	@tools/run-demo-llm

test: prepare-test ## set up, build and run every test; the last line is the count
	@cmake --preset release -DWHET_TESTS=ON --log-level=WARNING >/dev/null
	@cmake --build $(BUILD)
	@tools/run-tests $(BUILD)

test-long: ## as test, with what takes long (a million damaged files, the largest models)
	@WHET_TEST_LONG=1 $(MAKE) --no-print-directory test

test-tsan: ## the tests under the thread sanitizer
	@tools/setup build test
	@cmake --preset tsan --log-level=WARNING >/dev/null
	@cmake --build build/tsan -- --quiet
	@tools/run-tests build/tsan

test-aarch64: ## the tests for 64-bit ARM, emulated (installs a cross compiler and qemu-user)
	@tools/setup build test cross
	@cmake --preset aarch64 --log-level=WARNING >/dev/null
	@cmake --build build/aarch64 -- --quiet
	@tools/run-tests build/aarch64

bench: prepare-test all ## measure against the other engines and print the table
	@tools/run-bench

bench-llm: prepare-test all ## measure language models against llama.cpp (which is built first: 10 to 15 minutes)
	@bench/language.py

fuzz: ## run each fuzz target for FUZZ_SECONDS (60)
	@tools/setup build test
	@cmake --preset fuzz --log-level=WARNING >/dev/null
	@cmake --build build/fuzz
	@tools/run-fuzz --seconds $(FUZZ_SECONDS) build/fuzz

check: ## storeys, formatting, warnings as errors, clang-tidy
	@tools/setup build test check
	@tools/run-checks

format: ## lay out the sources as `make check` wants them
	@tools/setup check
	@tools/check-style --fix

install: all ## install below PREFIX (/usr/local); DESTDIR is honoured
	@cmake --install $(BUILD) --prefix $(PREFIX)

clean: ## remove what was built (not what was downloaded)
	@cmake -E rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  make test OFFLINE=1 downloads nothing: tests that need models skip"

prepare-build:
	@tools/setup build

# All that a target needs is asked for at once: who has to ask somebody else to install it asks one time.
prepare-demo:
	@tools/setup build demo

# Models and what the reference engine says about them; kept in the user's cache, asked for once.
prepare-test:
	@tools/setup build test
ifeq ($(OFFLINE),)
	@tools/fetch-models
	@tools/venv llm >/dev/null
	@tests/oracle/oracle.py
	@tests/oracle/onnx_cases.py
endif
