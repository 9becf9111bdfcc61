# Everyday verbs over CMake. Where ggml is not installed, tools/sysroot brings it into build/sysroot first.
BUILD ?= build
JOBS  ?= $(shell nproc)
CMAKE_FLAGS ?=

.PHONY: all build demo test test-full lint install clean asan tsan

all: build

# ggml of the machine if CMake finds one, the sysroot's otherwise; decided once for a build directory.
$(BUILD)/CMakeCache.txt:
	@mkdir -p $(BUILD)
	@if cmake -S cmake/probe -B $(BUILD)/probe $(CMAKE_FLAGS) >$(BUILD)/probe.log 2>&1; then \
		cmake -S . -B $(BUILD) $(CMAKE_FLAGS); \
	else \
		tools/sysroot && cmake -S . -B $(BUILD) -DCMAKE_TOOLCHAIN_FILE=$(CURDIR)/cmake/sysroot.cmake $(CMAKE_FLAGS); \
	fi

build: $(BUILD)/CMakeCache.txt
	@cmake --build $(BUILD) -j $(JOBS)

clean:
	rm -rf build build-*
