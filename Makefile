PYTHON ?= python3
FULL := .venv
# The core and ONNX Runtime, from wheels.
ONNX := .venv-quick
# Without torch: what pip installs today, and the lower bounds of pyproject.toml.
LATEST := .venv-latest
MINIMUMS := .venv-minimums
SITE := .venv-site
# torchvision, transformers, OpenVINO and RF-DETR, each as pip installs it today.
FRAMEWORKS := .venv-frameworks
# MMDetection as most have it: mmdet 3.3, mmcv 2.1, torch 2.1 and NumPy 1.
UPSTREAM := .venv-upstream
TESTS := tests
MUTANTS :=
# So many mutants by chance, and which chance.
SAMPLE :=
SEED := 1
# Enough to see that a set of dependencies works: the examples of all rules, the figures beside
# those of others, and gates from end to end.
SHORT := tests/rules/test_rule_examples.py tests/rules/test_plain_messages.py tests/parity \
  tests/plugin/test_running.py
# What a change breaks most often, in a minute.
QUICK := tests/unit tests/rules/test_rule_examples.py tests/campaign/test_coverage.py
SPELLED := pytest_detgate checks fixtures templates tests tools docs examples benchmarks changelog.d \
  .github *.md Makefile pyproject.toml
TRAINED := examples/site/work_dirs/with_compliant/epoch_14.pth
BENCHMARKS := inference gate_overhead incremental cache data_rules image_hashes image_looks \
  result_files scoring bootstrap engines page everyday

pip = $(1)/bin/python -m pip --disable-pip-version-check
pytest = OMP_NUM_THREADS=1 $(1)/bin/python -m pytest -n 2 --dist loadfile $(2)
# pytest-xdist would begin with the files of most tests, and end with a few that take minutes, on one
# core. In their own order the short ones of tests/unit come last. From pytest-xdist 3.7 on.
IN_ORDER := --no-loadscope-reorder
# pip takes groups of pyproject.toml from 25.1 on; an older Python brings an older pip.
create = test -x $(1)/bin/python || $(PYTHON) -m venv $(1); \
  $(call pip,$(1)) install --quiet --upgrade "pip>=25.1"

.PHONY: setup light quick demo demo-mmdet test test-latest test-minimums test-short test-quick \
  test-upstream test-frameworks \
  coverage campaign mutants check lint types docs docs-site dist package bench clean

setup: $(FULL)/.ready
light: $(LATEST)/.ready

# onedl-mmcv compiles its operators against the torch it finds, so torch comes first and the build
# is not isolated; without this the wheel is silently made without operators.
$(FULL)/.ready: pyproject.toml constraints.txt
	$(call create,$(FULL))
	$(call pip,$(FULL)) install --quiet -c constraints.txt torch setuptools wheel ninja psutil
	@echo "Building onedl-mmcv where there is no wheel of it yet: about 12 minutes, once."
	$(call pip,$(FULL)) install --quiet -c constraints.txt --no-build-isolation onedl-mmcv
	$(call pip,$(FULL)) install --quiet -c constraints.txt --no-build-isolation -e ".[all]" --group dev
	touch $@

$(ONNX)/.ready: pyproject.toml
	@echo "Setting up $(ONNX), from wheels: about a minute, once."
	$(call create,$(ONNX))
	$(call pip,$(ONNX)) install --quiet -e ".[onnx]"
	touch $@

$(LATEST)/.ready: pyproject.toml
	$(call create,$(LATEST))
	$(call pip,$(LATEST)) install --quiet --upgrade --upgrade-strategy eager \
	  -e ".[expectations,onnx]" --group light --group types
	touch $@

$(MINIMUMS)/.ready: pyproject.toml tools/minimums.py
	$(call create,$(MINIMUMS))
	$(call pip,$(MINIMUMS)) install --quiet "tomli>=2; python_version < '3.11'"
	$(MINIMUMS)/bin/python tools/minimums.py > $(MINIMUMS)/constraints.txt
	$(call pip,$(MINIMUMS)) install --quiet -c $(MINIMUMS)/constraints.txt \
	  -e ".[expectations]" --group light
	# By what it says of itself, ONNX Runtime takes no NumPy this old on Python 3.11; it works.
	$(call pip,$(MINIMUMS)) install --quiet -c $(MINIMUMS)/constraints.txt --no-deps \
	  onnxruntime opencv-python-headless
	$(call pip,$(MINIMUMS)) install --quiet flatbuffers
	touch $@

# Python 3.10 or 3.11, and some 6 GB: torch 2.1 brings CUDA, also where there is none. mmcv has no
# wheels; its operators are compiled against that torch, and need its NumPy.
$(UPSTREAM)/.ready: pyproject.toml constraints-upstream.txt
	$(call create,$(UPSTREAM))
	$(call pip,$(UPSTREAM)) install --quiet -c constraints-upstream.txt torch numpy setuptools wheel \
	  ninja psutil
	@echo "Building mmcv 2.1.0: about 30 minutes on one core, once."
	MMCV_WITH_OPS=1 $(call pip,$(UPSTREAM)) install --quiet -c constraints-upstream.txt \
	  --no-build-isolation mmcv
	$(call pip,$(UPSTREAM)) install --quiet -c constraints-upstream.txt mmdet mmengine
	$(call pip,$(UPSTREAM)) install --quiet -c constraints-upstream.txt --no-build-isolation \
	  -e . --group light
	touch $@

# An environment without MMDetection, whose operators are compiled against another torch.
$(FRAMEWORKS)/.ready: pyproject.toml
	$(call create,$(FRAMEWORKS))
	$(call pip,$(FRAMEWORKS)) install --quiet -e ".[torchvision,transformers,openvino,onnx,ray]" \
	  --group light "rfdetr>=1.11"
	touch $@

$(SITE)/.ready: pyproject.toml
	$(call create,$(SITE))
	$(call pip,$(SITE)) install --quiet --upgrade --group site
	touch $@

# Two ONNX detectors, in under two minutes.
quick: $(ONNX)/.ready
	$(ONNX)/bin/python examples/site/quick.py

demo: quick
	@echo
	@echo "That was the quick part, with ONNX files. Now the same story with MMDetection: two models"
	@echo "are trained, and the first time its operators are compiled. See both pages meanwhile."
	@echo
	$(MAKE) demo-mmdet

demo-mmdet: $(FULL)/.ready
	$(FULL)/bin/python examples/site/demo.py

test: $(FULL)/.ready
	$(call pytest,$(FULL),$(IN_ORDER)) $(TESTS)

test-latest: $(LATEST)/.ready
	$(call pytest,$(LATEST),$(IN_ORDER)) $(TESTS)

test-minimums: $(MINIMUMS)/.ready
	$(call pytest,$(MINIMUMS)) $(TESTS)

test-short:
	$(MAKE) test-minimums test-latest TESTS="$(SHORT)"

# What upstream's Runner wrote, box by box; -s shows the numbers.
test-upstream: $(UPSTREAM)/.ready
	OMP_NUM_THREADS=1 $(UPSTREAM)/bin/python -m pytest -q tests/upstream \
	  $(addprefix tests/detector/,test_torch_file.py \
	    $(addprefix training/test_training,.py _checkpoints.py) \
	    $(addprefix mmdet/test_,checkpoint.py mmdetection.py openmmlab.py))

# What each framework's own loop finds, box by box, and hostile files.
test-frameworks: $(FRAMEWORKS)/.ready
	OMP_NUM_THREADS=1 $(FRAMEWORKS)/bin/python -m pytest -q tests/frameworks

test-quick: $(LATEST)/.ready
	$(call pytest,$(LATEST)) -q $(QUICK)

# Branches of all but what runs models, by the tests that need no torch; too few fail: 95% of lines
# and branches together, and 95% of branches alone. Where lines are counted, files are opened while a
# detector runs, so that nothing is cached: tests of what a detector depends on are left out.
coverage: $(LATEST)/.ready
	$(call pip,$(LATEST)) install --quiet --group coverage
	$(call pytest,$(LATEST),$(IN_ORDER)) --cov --cov-report=term --cov-report=html:build/coverage \
	  --cov-report=json:build/coverage.json \
	  --ignore=tests/detector/dependencies $(TESTS)
	$(LATEST)/bin/python -m tools.branches build/coverage.json 95

# 10,000 damaged projects; interrupted, it goes on where it was.
campaign: $(LATEST)/.ready
	OMP_NUM_THREADS=1 $(LATEST)/bin/python -m tests.campaign

# Every change of one operator in the code that decides has to make a test fail. Interrupted, it goes
# on where it was. `make mutants MUTANTS="pytest_detgate.rules.verdicts.*"` tries those of some files.
mutants: $(LATEST)/.ready
	$(call pip,$(LATEST)) install --quiet --group mutants
	OMP_NUM_THREADS=1 $(LATEST)/bin/python -m tests.campaign.mutants \
	  $(if $(SAMPLE),--sample $(SAMPLE) --seed $(SEED)) \
	  $(foreach name,$(MUTANTS),'$(name)')

check: lint types

lint: $(LATEST)/.ready
	$(LATEST)/bin/ruff check
	$(LATEST)/bin/ruff format --check
	$(LATEST)/bin/codespell $(SPELLED)

types: $(LATEST)/.ready
	$(LATEST)/bin/mypy

docs: $(LATEST)/.ready
	$(LATEST)/bin/python -m pytest_detgate rules > docs/rules.md
	$(LATEST)/bin/python -m pytest_detgate schema > docs/detgate.schema.json
	$(LATEST)/bin/python -m pytest_detgate schema --report > docs/report.schema.json

# The documentation site in build/docs-site: a warning or a broken link fails.
docs-site: $(SITE)/.ready
	$(SITE)/bin/python -m tools.docs_site.sources build/docs-source
	$(SITE)/bin/python -m sphinx -q -W --keep-going -E -c tools/docs_site build/docs-source build/docs-site
	$(SITE)/bin/python -m tools.docs_site.links build/docs-site

# The wheel is made from the sdist, so that both are complete.
dist: $(LATEST)/.ready
	rm -rf dist
	$(call pip,$(LATEST)) install --quiet --group package
	$(LATEST)/bin/python -m build --outdir dist

package: dist
	$(LATEST)/bin/python tools/test_wheel.py dist/*.whl $(TESTS)

# Some benchmarks gate the models that the demo trains.
bench: $(FULL)/.ready $(TRAINED)
	$(call pip,$(FULL)) install --quiet -c constraints.txt --group bench
	set -e; for name in $(BENCHMARKS); do $(FULL)/bin/python benchmarks/$$name.py; done

$(TRAINED): | $(FULL)/.ready
	$(FULL)/bin/python examples/site/demo.py

clean:
	rm -rf $(FULL) $(ONNX) $(LATEST) $(MINIMUMS) $(SITE) $(UPSTREAM) $(FRAMEWORKS) .coverage* build \
	  dist *.egg-info \
	  examples/site/data examples/site/work_dirs
