# Everyday verbs over CMake. Where ggml is not installed, tools/sysroot brings it into build/sysroot first.
BUILD ?= build
JOBS ?= $(shell nproc)
CMAKE_FLAGS ?=
MAKEFLAGS += --no-print-directory
CTEST = ctest --test-dir $(1) --output-on-failure -j $(JOBS) $(CTEST_FLAGS)

FUZZ_SECONDS ?= 20
FUZZ_GRAPHS ?= 1000000

VERSION = $(shell sed -n 's/^project.ggwire VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)

.PHONY: deb test-deb release test-hosts dist fuzz fuzz-kernels soak all help build sysroot demo test test-full test-rdma bench bench-rdma bench-cluster asan tsan valgrind clang lint format install clean

all: build

help:
	@echo "make            build; brings ggml where the machine has none"
	@echo "make demo       run a model across two servers and compare it with the stock ones"
	@echo "make test       unit, conformance and interop tests"
	@echo "make test-full  the same, with every operation, every architecture, and Vulkan"
	@echo "make test-rdma  RDMA over Soft-RoCE, in emulated machines (QEMU, without KVM)"
	@echo "make bench-rdma  its latency and bandwidth, beside those of perftest"
	@echo "make bench      ours and stock side by side: table, CSV and plots in build/bench (some ten minutes)"
	@echo "make bench-cluster  1 to 8 simulated machines, measured and predicted, in build/bench/cluster (some 20 minutes)"
	@echo "make asan tsan  the tests under sanitizers, in build-asan and build-tsan"
	@echo "make valgrind   the unit tests under memcheck"
	@echo "make fuzz       every fuzz target for FUZZ_SECONDS ($(FUZZ_SECONDS)) seconds, in build-fuzz"
	@echo "make fuzz-kernels  FUZZ_GRAPHS ($(FUZZ_GRAPHS)) graphs that the server's rules allow, on ggml's CPU backend between guard pages"
	@echo "make soak       2,000 connections, some cut, and 20 workers killed: nothing may be left behind"
	@echo "make clang      build with clang, warnings are errors, in build-clang"
	@echo "make lint       formatting, layers, sizes, clang-tidy"
	@echo "make dist       a source archive of the last commit, in build/"
	@echo "make release    a relocatable archive for any ggml from 0.15 to 0.27, in build/release (ARCH=aarch64: cross-compiled)"
	@echo "make test-hosts  that archive with five releases of node-llama-cpp, from the npm registry (some two minutes)"
	@echo "make deb        Debian packages, in build/deb; in a Debian system of its own (root, debootstrap) where it has to be"
	@echo "make test-deb   the same, installed in a fresh Debian system and tried with Debian's llama.cpp"
	@echo "make install    install into the system (DESTDIR and CMAKE_FLAGS work)"

# ggml of the machine if CMake finds one, the sysroot's otherwise; decided once for a build directory.
$(BUILD)/CMakeCache.txt:
	@mkdir -p $(BUILD)
	@if cmake -S cmake/probe -B $(BUILD)/probe $(CMAKE_FLAGS) >$(BUILD)/probe.log 2>&1; then \
		cmake -S . -B $(BUILD) $(CMAKE_FLAGS); \
	else \
		tools/sysroot && \
		cmake -S . -B $(BUILD) -DCMAKE_TOOLCHAIN_FILE=$(CURDIR)/cmake/sysroot.cmake $(CMAKE_FLAGS); \
	fi

build: $(BUILD)/CMakeCache.txt
	@cmake --build $(BUILD) -j $(JOBS)

# The stock programs that demo and tests run against.
sysroot:
	@tools/sysroot

demo: sysroot build
	@GGWIRE_BUILD=$(CURDIR)/$(BUILD) demo/run.sh

test: sysroot build
	@$(call CTEST,$(BUILD)) -LE "full|rdma"

test-full: sysroot build
	@tools/sysroot --with vulkan
	@$(call CTEST,$(BUILD)) -LE rdma

# In emulated machines, one after the other: skipped, with the reason, where there can be none.
test-rdma: sysroot build
	@tools/rxe-vm --check || [ $$? = 77 ]
	@ctest --test-dir $(BUILD) --output-on-failure $(CTEST_FLAGS) -L rdma

bench: sysroot build
	@GGWIRE_BUILD=$(CURDIR)/$(BUILD) bench/run $(BENCH_FLAGS)

bench-rdma: sysroot build
	@GGWIRE_BUILD=$(CURDIR)/$(BUILD) bench/rdma

bench-cluster: sysroot build
	@GGWIRE_BUILD=$(CURDIR)/$(BUILD) bench/cluster/run $(BENCH_FLAGS)

asan:
	@$(MAKE) --no-print-directory build BUILD=build-asan CMAKE_FLAGS="-DGGWIRE_SANITIZE=address,undefined $(CMAKE_FLAGS)"
	@$(call CTEST,build-asan) -LE "interop|full|rdma"

tsan:
	@$(MAKE) --no-print-directory build BUILD=build-tsan CMAKE_FLAGS="-DGGWIRE_SANITIZE=thread $(CMAKE_FLAGS)"
	@$(call CTEST,build-tsan) -LE "interop|full|rdma"

# One after the other: valgrind has one thread run at a time anyway.
valgrind: sysroot build
	@tools/memcheck $(BUILD)

clang:
	@$(MAKE) --no-print-directory build BUILD=build-clang \
		CMAKE_FLAGS="-DCMAKE_C_COMPILER=clang -DGGWIRE_WERROR=ON $(CMAKE_FLAGS)"

fuzz:
	@$(MAKE) --no-print-directory build-fuzz/CMakeCache.txt BUILD=build-fuzz \
		CMAKE_FLAGS="-DCMAKE_C_COMPILER=clang -DGGWIRE_FUZZ=ON -DGGWIRE_TESTS=OFF $(CMAKE_FLAGS)"
	@cmake --build build-fuzz -j $(JOBS) --target fuzz
	@fuzz/run.sh build-fuzz $(FUZZ_SECONDS)

fuzz-kernels: build
	@$(BUILD)/fuzz/fuzz-kernels --seed $(or $(FUZZ_SEED),1) --graphs $(FUZZ_GRAPHS)

soak: sysroot build
	@$(BUILD)/tests/test_soak

lint: build
	@tools/lint $(BUILD)

format:
	@find src tests tools include fuzz bench -name '*.[ch]' 2>/dev/null | xargs clang-format -i

dist:
	@mkdir -p build
	@git archive --prefix=ggwire-$(VERSION)/ -o build/ggwire-$(VERSION).tar.gz HEAD
	@echo "build/ggwire-$(VERSION).tar.gz"

release: build
	@tools/release $(ARCH)

# Skipped, with the reason, where there is no npm.
test-hosts: sysroot build
	@tests/hosts/run.sh $(BUILD) || [ $$? = 77 ]

deb:
	@tools/deb

# Skipped, with the reason, where no Debian system can be made.
test-deb:
	@if tools/deb-root --check; then tools/deb && tests/setup/deb.sh; else [ $$? = 77 ]; fi

install: build
	@cmake --install $(BUILD)

clean:
	rm -rf build build-*
