# One set of flags for build and tests: a change of flags would build everything again. Native code comes from the
# command line, so that the library targets stay usable as dependencies.
FLAGS := -c release -Xswiftc -enable-testing -Xcc -march=native
TRAJLOOM := .build/release/trajloom

.PHONY: setup build test test-golden test-interchange demo ablation-vae ablation-flow real small-vae small-flow lint clean

setup:
	@scripts/setup.sh

build: setup
	swift build $(FLAGS) --product trajloom

test: setup
	swift build $(FLAGS) --build-tests
	swift test $(FLAGS) --skip-build

# The reference numbers alone; TRAJLOOM_GOLDEN names another folder of them.
test-golden: setup
	swift test $(FLAGS) --filter GoldenTests

# Weights exchanged with the published code: make test-interchange UPSTREAM=clone PYTHON=python with torch
UPSTREAM ?= upstream
PYTHON ?= python3
test-interchange: build
	$(PYTHON) Tests/interchange --upstream "$(UPSTREAM)"

demo: build
	@scripts/demo.sh $(TRAJLOOM)

# What the VAE's loss terms and encodings do: 24 small trainings, half an hour on two cores.
ablation-vae: build
	@scripts/ablation-vae.sh $(TRAJLOOM)

# What the generator's boundary hints and its on-policy stage do: 36 small trainings, half an hour on two cores.
ablation-flow: build
	@scripts/ablation-flow.sh $(TRAJLOOM)

# The demo on real tracks: make real REAL=folder of npz, mp4 and captions.csv
REAL ?= ../shared/data/real
real: build
	@scripts/real.sh $(TRAJLOOM) "$(REAL)"

# The small VAE at full resolution, from synthetic clips; measured on REAL too when it is there
small-vae: build
	@scripts/small-vae.sh $(TRAJLOOM) "$(REAL)"

# The small generator on its latents; measured on clips with several true futures, and on REAL when it is there
small-flow: build
	@scripts/small-flow.sh $(TRAJLOOM) "$(REAL)"

lint:
	swift format lint --strict --recursive Package.swift Sources Tests

clean:
	rm -rf .build
