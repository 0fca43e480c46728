# Everything a fresh machine needs: git, make, Python 3.11 or newer. `make demo` and `make test` set up by themselves.
SHELL := bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
STAMP := $(VENV)/.ready
INSTALL = @$(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python --compile-bytecode
TRACKED := requirements.lock pyproject.toml

.PHONY: setup demo test test-slow test-cluster test-gpu lint bench reference lock clean

setup: $(STAMP)

# Bytecode is compiled once here: without it, every process that Ray starts takes twice as long. The project is on the
# path as a folder (compat): by a finder of setuptools' own, a clone called ignm hides it from its parent folder.
$(STAMP): $(TRACKED)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ignm needs Python 3.11 or newer; say which with: make PYTHON=python3.12 setup"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "setting up $(VENV)/, once: about 3 GB to download, 7 GB on disk"
	@$(BIN)/python -m pip install --quiet uv==$(UV_VERSION)
	$(INSTALL) -r requirements.lock
	$(INSTALL) --no-deps --config-settings editable_mode=compat -e .
	@touch $(STAMP)

demo: setup
	$(BIN)/ignm run quick

test: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: setup
	$(BIN)/python -m pytest -m slow

# Hosts in namespaces of their own: as root, with iproute2, openssh-server and rsync.
test-cluster: setup
	$(BIN)/python -m pytest -m cluster

test-gpu: setup
	$(BIN)/python -m pytest -m gpu

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Tables on the screen and in build/bench/; the machine should be idle.
bench: setup
	@mkdir -p build/bench
	@set -o pipefail; for each in training_step memory evaluating frechet importing overhead suggesting; do \
	  $(BIN)/python -m benchmarks.$$each | tee build/bench/$$each.txt || exit 1; \
	done

# After a change of a field's name, bounds, default or text, of a preset or of an axis.
reference: setup
	$(BIN)/python -m search.reference > docs/reference.md

# After a change of the dependencies in pyproject.toml. A requirements file carries no download addresses.
lock: setup
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links \
	  --group dev --group lock pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
