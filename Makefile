# SPDX-License-Identifier: MIT
# A thin front door: the build itself is meson's (meson.build), the packages
# are .ci/deps', the tests tests/prepush.sh's.
#
# Works from any directory (make -C) and with -j; the path of the checkout and
# BUILD must not contain blanks.

BUILD ?= build
VMFERRY = $(BUILD)/host/tools/vmferry
# The mini VMM where /dev/kvm can be used, else QEMU. For QEMU's emulation, which
# works anywhere: make demo DEMO_OPTIONS='--accel tcg'
DEMO = migrate --ram 1G --cpus 2 --workload pattern=random,rate=100M,wss=512M
DEMO_OPTIONS =

all: build

help:
	@echo 'make demo       set everything up, migrate a busy guest, verify it'
	@echo 'make check      set everything up, build, run the tests (20 minutes at most)'
	@echo 'make check-all  also sanitizers, clang, static, valgrind, labs (80 minutes at most)'
	@echo 'make lab        the tests on other kernels and QEMUs, emulated'
	@echo 'make build      set everything up and build into BUILD=$(BUILD)'
	@echo 'make deps       install what is missing of the Debian packages'
	@echo 'make clean      remove the build directories'

deps:
	@.ci/deps

$(BUILD)/build.ninja: | deps
	meson setup $(BUILD)

build: deps $(BUILD)/build.ninja
	ninja -C $(BUILD)

demo: build
	$(VMFERRY) $(DEMO) $(DEMO_OPTIONS)

check: build
	@BUILD=$(BUILD) tests/prepush.sh quick

lab: build
	meson test -C $(BUILD) --suite lab

check-all: build
	@BUILD=$(BUILD) tests/prepush.sh all

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-clang \
		$(BUILD)-static

.PHONY: all help deps build demo check lab check-all clean
