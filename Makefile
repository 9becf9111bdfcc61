# Short commands for CMake and CTest. If ggml is not installed, tools/sysroot fetches it into build/sysroot first.
BUILD ?= build
# The job count of make -jN also applies to cmake and ctest.
JOBS ?= $(or $(patsubst -j%,%,$(filter -j%,$(MAKEFLAGS))),$(shell nproc))
CMAKE_FLAGS ?=
MAKEFLAGS += --no-print-directory
# V=1 shows the configuration and each compiler command.
CONFIGURE = cmake $(if $(V),,--log-level=NOTICE)
COMPILE = MAKEFLAGS=--no-print-directory cmake --build $(BUILD) -j $(JOBS) $(if $(V),--verbose)
CTEST = ctest --test-dir $(1) --output-on-failure -j $(JOBS) $(CTEST_FLAGS)

FUZZ_SECONDS ?= 20
FUZZ_GRAPHS ?= 1000000

VERSION = $(shell sed -n 's/^project.ggwire VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)

.PHONY: deb test-deb release test-hosts test-arm64 test-release dist fuzz fuzz-kernels soak all help build programs sysroot demo shell test test-full test-rdma bench bench-rdma bench-cluster asan tsan valgrind clang lint format install clean

all: build

help:
	@echo "Everyday:"
	@echo "  make               build everything, tests included; fetches ggml if this machine has none"
	@echo "  make demo          run a model across two servers and compare it with the stock servers"
	@echo "  make shell         open a shell in which the stock llama.cpp programs use our plug-in; CMD='...' runs one command"
	@echo "  make test          unit, conformance and interop tests"
	@echo "  make lint          check formatting, layers, sizes, manuals and scripts; run clang-tidy"
	@echo "  make format        format all C sources"
	@echo "  make install       install into the system (DESTDIR and CMAKE_FLAGS work)"
	@echo "More tests:"
	@echo "  make test-full     make test, with every operation, every architecture, and Vulkan"
	@echo "  make test-hosts    try the release archive with five releases of node-llama-cpp, from the npm registry (two minutes)"
	@echo "  make test-arm64    try the release archive for arm64 under qemu-user, on two releases of ggml (minutes)"
	@echo "  make test-release  try the release archive in a fresh Debian 12 and Debian testing (minutes; root, debootstrap, npm)"
	@echo "  make test-rdma     RDMA over Soft-RoCE, in emulated machines (QEMU, without KVM)"
	@echo "  make asan tsan     run the tests under sanitizers, in build-asan and build-tsan"
	@echo "  make valgrind      run the unit tests under memcheck"
	@echo "  make clang         build with clang and treat warnings as errors, in build-clang"
	@echo "  make fuzz          run every fuzz target for FUZZ_SECONDS ($(FUZZ_SECONDS)) seconds, in build-fuzz"
	@echo "  make fuzz-kernels  run FUZZ_GRAPHS ($(FUZZ_GRAPHS)) random allowed graphs on ggml's CPU backend, between guard pages"
	@echo "  make soak          check that 2,000 connections and 20 killed workers leave nothing behind"
	@echo "Measurements:"
	@echo "  make bench         compare with stock: table, CSV and plots in build/bench (about ten minutes)"
	@echo "  make bench-rdma    measure RDMA latency and bandwidth next to perftest"
	@echo "  make bench-cluster measure and predict 1 to 8 simulated machines, in build/bench/cluster (about 20 minutes)"
	@echo "Packages:"
	@echo "  make dist          make a source archive of the last commit, in build/"
	@echo "  make release       make a relocatable archive for any ggml from 0.15 to 0.27, in build/release (ARCH=aarch64)"
	@echo "  make deb           build Debian packages in build/deb; uses a separate Debian system if needed (root, debootstrap)"
	@echo "  make test-deb      build the packages and try them in a fresh Debian system with Debian's llama.cpp"
	@echo "Variables: V=1 shows every command, JOBS=N or -jN sets the number of jobs, BUILD=DIR is the build directory,"
	@echo "CMAKE_FLAGS='-D...' configures a new build directory."

# Builds against the machine's ggml if CMake finds one, and against the sysroot's otherwise. A build directory keeps its choice.
$(BUILD)/CMakeCache.txt:
	@mkdir -p $(BUILD)
	@if cmake -S cmake/probe -B $(BUILD)/probe $(CMAKE_FLAGS) >$(BUILD)/probe.log 2>&1; then \
		$(CONFIGURE) -S . -B $(BUILD) $(CMAKE_FLAGS); \
	else \
		tools/sysroot && \
		$(CONFIGURE) -S . -B $(BUILD) -DCMAKE_TOOLCHAIN_FILE=$(CURDIR)/cmake/sysroot.cmake $(CMAKE_FLAGS); \
	fi

build: $(BUILD)/CMakeCache.txt
	@echo "building ggwire and its tests in $(BUILD)/ with $(JOBS) jobs"
	@$(COMPILE)

# What demo and shell need, without the tests.
programs: $(BUILD)/CMakeCache.txt
	@echo "building ggwire and its plug-in in $(BUILD)/ with $(JOBS) jobs"
	@$(COMPILE) --target programs

# The stock programs for demo and tests.
sysroot:
	@tools/sysroot

demo: sysroot programs
	@GGWIRE_BUILD=$(CURDIR)/$(BUILD) demo/run.sh

# CMD='...' runs that command and exits. Commands on standard input also work, unless it is a terminal.
shell: sysroot programs
	@tools/shell $(BUILD) $(if $(CMD),-c '$(subst ','\'',$(value CMD))')

test: sysroot build
	@$(call CTEST,$(BUILD)) -LE "full|rdma"

test-full: sysroot build
	@tools/sysroot --with vulkan
	@$(call CTEST,$(BUILD)) -LE rdma

# Runs one test at a time. Skips, with the reason, on machines that cannot emulate others.
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

# Runs one test at a time: valgrind uses only one processor at a time anyway.
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

# Skips, with the reason, where npm is missing.
test-hosts: sysroot build
	@tests/hosts/run.sh $(BUILD) || [ $$? = 77 ]

test-arm64: sysroot build
	@tests/hosts/arm64.sh $(BUILD) || [ $$? = 77 ]

test-release: sysroot build
	@tests/setup/release.sh $(BUILD) || [ $$? = 77 ]

deb:
	@tools/deb

# Skips, with the reason, on machines that cannot create a Debian system.
test-deb:
	@if tools/deb-root --check; then tools/deb && tests/setup/deb.sh; else [ $$? = 77 ]; fi

install: build
	@cmake --install $(BUILD)

clean:
	rm -rf build build-*
