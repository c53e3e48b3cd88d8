# Two commands are enough: `make train` and `make test`. Needs make, a POSIX shell and Python 3.11 to 3.13; Docker is
# used where an engine answers. `make` alone lists the targets.

IMAGE ?= ei-train
TARGET ?= cpu
BASE_IMAGE ?= python:3.11-slim-bookworm
VENV ?= .venv
DEMO := data/dataset
DATA ?= $(DEMO)
OUT ?= out
ARGS ?=
JOBS ?= auto
BUILD ?=
NAME ?= ei-train-demo
VERSION ?= 1

# Tests of train that hardly train, for its coverage: tracing branches costs a third of a test's time. None is slow.
QUICK := $(addprefix tests/train/, \
    cli/test_block_command.py cli/test_data.py cli/test_progress.py cli/test_remote.py runs/test_checkpoint.py \
    tasks/test_classification_checks.py tasks/test_classification_scores.py tasks/test_comparison.py \
    tasks/test_linear_probe.py tasks/test_regression.py methods/test_allocate.py methods/test_average.py \
    backbones/test_keras_file.py container/test_plan.py runs/test_config.py runs/test_folder.py runs/test_model_card.py \
    page/test_markup.py tuning/test_boards.py tuning/test_plan.py tuning/test_space.py \
    test_data.py test_graph.py test_recipe.py test_registry.py)

PY := $(VENV)/bin/python
EI_TRAIN := $(VENV)/bin/ei-train
READY := $(VENV)/.ready
# The container works as the owner of the directory that is mounted (docker/entrypoint.py), so no --user here.
# Bars where a person watches: make itself knows whether its output is a terminal, a command within $(...) does not.
IN_IMAGE = docker run --rm $$([ -t 0 ] && [ -n "$$MAKE_TERMOUT" ] && echo -it) --env EI_TRAIN_MAKE=1 --volume "$(CURDIR)":/scripts
export EI_TRAIN_IMAGE := $(IMAGE)

help: ## List the targets
	@echo 'make TARGET [VARIABLE=value ...]'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1 \2/p' $(MAKEFILE_LIST) | while read -r name text; do printf '  %-8s %s\n' "$$name" "$$text"; done
	@echo 'Variables: DATA OUT ARGS (train), JOBS REST=1 (test: without those that coverage runs), NAME VERSION (package), IMAGE TARGET=cpu|gpu|tune|ray BASE_IMAGE BUILD (build), PYTHON VENV (setup)'

setup: $(READY) ## Make the local environment in VENV, from the hashed lock

$(READY): requirements/dev.txt pyproject.toml
	@for python in $(or $(PYTHON),python3.11 python3.12 python3.13 python3); do \
	    if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "error: $(if $(PYTHON),PYTHON=$(PYTHON) is no,there is no) Python 3.11, 3.12 or 3.13; install one, or name it: make setup PYTHON=/path/to/python3.11" >&2; exit 2; \
	fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "error: $$found has no venv module; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; \
	fi; \
	echo "making $(VENV) with $$("$$found" --version)"; \
	"$$found" -m venv "$(VENV)"
	@echo "downloading about 600 MB of packages, most of it TensorFlow, unless pip has them: a few minutes"
	$(PY) -m pip install $(if $(MAKE_TERMOUT),,-qq) --disable-pip-version-check --require-hashes --no-deps -r requirements/dev.txt
	$(PY) -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

build: ## Build the image IMAGE (TARGET=gpu with CUDA, tune with Optuna, ray with Ray) and print its size
	docker build $(BUILD) --tag "$(IMAGE)" --target "$(TARGET)" $(if $(filter gpu,$(TARGET)),--build-arg GPU=1)$(if $(filter tune ray,$(TARGET)),--build-arg TUNE=1) \
	    --build-arg BASE_IMAGE="$(BASE_IMAGE)" \
	    --build-arg VERSION="$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' train/__init__.py)" \
	    --build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null || echo unknown)" .
	@echo "$(IMAGE): $$(($$(docker image inspect --format '{{.Size}}' "$(IMAGE)") / 1000000)) MB"

train: ## Train on DATA (without it on demo data) into OUT, in Docker where it can be had, else in VENV
	@[ "$(DATA)" = $(DEMO) ] || [ -d "$(DATA)" ] || { echo "error: DATA=$(DATA): no such folder" >&2; exit 2; }
	@$(MAKE) --no-print-directory train-with-$$(docker/where.sh "$(IMAGE)" "$(BASE_IMAGE)")

train-with-build: build
	@$(MAKE) --no-print-directory train-with-image

train-with-image:
	@mkdir -p "$(OUT)"
	@[ "$(DATA)" != $(DEMO) ] || [ -d $(DEMO) ] || { $(IN_IMAGE) "$(IMAGE)" demo data/demo && $(IN_IMAGE) "$(IMAGE)" split data/demo $(DEMO); }
	$(IN_IMAGE) --volume "$(abspath $(DATA))":/data:ro --volume "$(abspath $(OUT))":/out "$(IMAGE)" \
	    --data-directory /data --out-directory /out $(ARGS)

train-with-venv: $(READY)
	@[ "$(DATA)" != $(DEMO) ] || [ -d $(DEMO) ] || { $(EI_TRAIN) demo data/demo && $(EI_TRAIN) split data/demo $(DEMO); }
	EI_TRAIN_MAKE=1 $(EI_TRAIN) --data-directory "$(DATA)" --out-directory "$(OUT)" $(ARGS)

package: $(READY) ## Make the C library of the model in OUT, called NAME at VERSION
	$(EI_TRAIN) package "$(OUT)" --name "$(NAME)" --version "$(VERSION)" $(ARGS)

upload: $(READY) ## Put DATA and the model in OUT into an Edge Impulse project (EI_API_KEY)
	$(EI_TRAIN) upload data "$(DATA)"
	$(EI_TRAIN) upload model "$(OUT)" $(ARGS)

test: $(READY) ## Run every test; builds the image first where an engine answers
	@[ "$$(docker/where.sh "$(IMAGE)" "$(BASE_IMAGE)")" != build ] || $(MAKE) --no-print-directory build BUILD=--quiet
	$(PY) -m pytest --numprocesses $(JOBS) --dist loadfile $(if $(REST),$(QUICK:%=--ignore=%)) $(ARGS)

coverage: $(READY) ## Show which lines and branches of train its quick tests miss; fails below the floor
	$(PY) -m pytest --numprocesses $(JOBS) --dist loadfile --cov=train $(ARGS) $(QUICK)

lint: $(READY) ## Check style and types
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	@for script in .ci/run docker/*.sh requirements/*.sh; do sh -n "$$script" || exit; done

docs: $(READY) ## Build the pages of docs/ as a site, build/site/index.html; fails on a link that leads nowhere
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

bench: $(READY) ## Measure ratios against the baselines
	@for script in bench/bench_*.py; do name=$$(basename "$$script" .py); echo "== $$name"; $(PY) -m "bench.$$name" $(ARGS) || exit; done

lock: ## Write the hashed lock files anew (needs uv)
	requirements/compile.sh

clean: ## Remove what can be made again; OUT and VENV stay
	rm -rf build data/demo $(DEMO) .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage *.egg-info
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -exec rm -rf {} +

.PHONY: help setup build train train-with-build train-with-image train-with-venv package upload test coverage lint docs bench lock clean
