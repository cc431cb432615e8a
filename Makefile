# Everything runs from the project's own .venv, which the first target that needs it sets up.

PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

VENV = .venv
BIN = $(VENV)/bin
export PYTHONPATH = python
# An older Go says so and stops; it does not download another one behind the user's back.
export GOTOOLCHAIN = local

# The packages of the shipped pack, as packgen takes them.
PACK = $(foreach name,$(filter-out internal pack,$(notdir $(sort $(wildcard gomp/kernels/*)))),\
	github.com/gomp-project/gomp/gomp/kernels/$(name)=gomp/kernels/$(name))

.PHONY: demo test lint go-test py-test generate bench build clean

demo: build  ## run every program of the tour, beside the standard library
	$(BIN)/python examples/demo.py

test: lint go-test py-test  ## all checks and tests

lint: build
	@unformatted=$$(gofmt -l gomp pybindings); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

go-test:
	go test -race -timeout 10m ./...

py-test: build
	$(BIN)/python -m pytest

bench: build  ## measure gomp beside the standard library, and write docs/benchmarks.md
	$(BIN)/python benchmarks/run.py

generate: $(VENV)/installed  ## write the generated code again: the pack's program and stub, and with gopy the control plane's binding
	go run ./gomp/kernel/packgen -o gomp/kernels/pack/main.go $(PACK)
	$(BIN)/python gomp/kernels/pack/stub.py
	$(BIN)/python pybindings/ctl/generate.py

build: $(VENV)/installed
	$(BIN)/python setup.py --quiet build_ext --inplace

$(VENV)/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "gomp needs Python 3.11 or newer: none was found on PATH"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade --constraint constraints.txt pip setuptools wheel
	$(BIN)/python -m pip install --quiet --constraint constraints.txt $$($(BIN)/python -c \
		'import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; print(*p["dependencies"], *p["optional-dependencies"]["dev"])')
	@touch $@

clean:
	rm -rf $(VENV) build dist python/*.egg-info python/gomp/*.so python/gomp/_kernels.* python/gomp/_sdk
	find . -name __pycache__ -prune -exec rm -rf {} +
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
