# A thin front over meson and ninja; `make help` lists what there is.
PREFIX ?= /usr/local
DESTDIR ?=
JOBS ?= $(shell nproc)

ASK ?= count system calls by process
RUN_FLAGS ?= --for 5s --yes
FUZZ_SECONDS ?= 60
TEST_FLAGS ?=

SUDO = $(shell [ "$$(id -u)" = 0 ] || echo sudo)
NINJA = ninja -j$(JOBS)
export DESTDIR

.PHONY: all run check asan fuzz bench install uninstall clean help
.DEFAULT_GOAL := all

all: build/build.ninja ## build build/kgent (the default)
	@$(NINJA) -C build

run: ## build and answer ASK="..." on the running kernel (RUN_FLAGS="--for 5s --yes"); installs what is missing
	@tools/install-deps build run
	@$(MAKE) --no-print-directory all
	@$(SUDO) build/kgent "$(ASK)" $(RUN_FLAGS)

check: ## all tests, warnings as errors; the last line is "N passed, N failed, N skipped"; installs what is missing
	@tools/install-deps build run sandbox test
	@[ -e build-check/build.ninja ] || meson setup build-check -Dwerror=true -Dtests=enabled
	@$(NINJA) -C build-check
	@tests/run $(TEST_FLAGS) build-check

asan: ## the same tests under AddressSanitizer, LeakSanitizer and UBSan
	@tools/install-deps build run sandbox test
	@[ -e build-asan/build.ninja ] || meson setup build-asan -Dtests=enabled -Db_sanitize=address,undefined -Db_lundef=false
	@$(NINJA) -C build-asan
	@TEST_TIME_FACTOR=3 SANITIZED=1 tests/run $(TEST_FLAGS) build-asan

fuzz: ## every fuzz target for FUZZ_SECONDS=60 with clang's libFuzzer; a crash fails
	@tools/install-deps build fuzz
	@[ -e build-fuzz/build.ninja ] || CC=clang meson setup build-fuzz -Dfuzz=true -Dtests=disabled \
		-Db_sanitize=address,undefined -Db_lundef=false
	@meson setup --reconfigure build-fuzz >/dev/null
	@$(NINJA) -C build-fuzz
	@tests/fuzz/run build-fuzz $(FUZZ_SECONDS)

bench: ## print how long things take, beside what one would use instead
	@tools/install-deps build run sandbox test
	@$(MAKE) --no-print-directory all
	@python3 bench/run.py build
	@python3 bench/proof_growth.py build build/proof_growth.svg

install: all ## install below PREFIX=/usr/local (and DESTDIR)
	@meson configure build -Dprefix=$(PREFIX)
	@$(NINJA) -C build
	@meson install -C build --no-rebuild --quiet

uninstall: build/build.ninja ## remove what install put there
	@meson configure build -Dprefix=$(PREFIX)
	@tools/uninstall build

clean: ## remove all build directories
	rm -rf build build-check build-asan build-fuzz

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | awk -F'\t' '{ printf "make %-10s %s\n", $$1, $$2 }'

build/build.ninja:
	@command -v meson >/dev/null && command -v ninja >/dev/null || tools/install-deps build
	@meson setup build -Dbuildtype=release -Dtests=disabled -Dprefix=$(PREFIX)
