PYTHON ?= python3
VENV := .venv
BIN := $(abspath $(VENV))/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
READY := $(VENV)/.ready
BENCHMARKS := inference gate_overhead incremental store data_rules picture_hashes result_files scoring \
  bootstrap engines page

.PHONY: setup demo test campaign mutants check docs bench clean

setup: $(READY)

# onedl-mmcv compiles its operators against the torch it finds, so torch comes first and the build
# is not isolated; without this the wheel is silently made without operators.
$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade "pip>=25.1"
	$(PIP) install --quiet -c constraints.txt torch setuptools wheel ninja psutil
	@echo "Building onedl-mmcv where there is no wheel of it yet: about 12 minutes, once."
	$(PIP) install --quiet -c constraints.txt --no-build-isolation onedl-mmcv
	$(PIP) install --quiet -c constraints.txt --no-build-isolation -e ".[mmdet]" --group dev
	touch $@

demo: $(READY)
	$(BIN)/python examples/site/demo.py

test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

# 10,000 damaged projects; interrupted, it goes on where it was.
campaign: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.campaign

# Every change of one operator in the code that decides has to make a test fail.
mutants: $(READY)
	$(PIP) install --quiet --group mutants
	OMP_NUM_THREADS=1 $(BIN)/python -m mutmut run > .mutants.log
	$(BIN)/python -m tests.campaign.mutants

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: $(READY)
	$(BIN)/python -m pytest_detgate rules > docs/rules.md
	$(BIN)/python -m pytest_detgate schema > docs/detgate.schema.json
	$(BIN)/python -m pytest_detgate schema --report > docs/report.schema.json

bench: $(READY)
	$(PIP) install --quiet -c constraints.txt --group bench
	set -e; for name in $(BENCHMARKS); do $(BIN)/python benchmarks/$$name.py; done

clean:
	rm -rf $(VENV) build dist *.egg-info examples/site/data examples/site/work_dirs
