# Everything a contributor runs. Needs make, a POSIX shell and Python 3.11 or newer; nothing else.
#
# ODQA_PYTHON=/path/to/python   the interpreter to build .venv with, instead of the first suitable one on PATH

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format bench clean

VENV := .venv
PYTHON := $(VENV)/bin/python
# Processes that run the tests; those of one file stay together, since they share what is dear to make.
WORKERS ?= 2
# Benchmarks are the scripts in benchmarks/; `make bench BENCH=benchmarks/encode.py` runs one.
BENCH ?= $(sort $(wildcard benchmarks/[!_]*.py))

# .venv is right for this interpreter and this pyproject.toml if it holds the stamp of that name.
FINGERPRINT := import hashlib, pathlib, sys; \
	project = pathlib.Path("pyproject.toml").read_bytes(); \
	print(hashlib.sha256(project + sys.version.encode()).hexdigest()[:16])

# Debian and Ubuntu ship Python without ensurepip; such an interpreter cannot make a virtual environment.
CAN_RUN := import sys; sys.version_info >= (3, 11) or sys.exit(1)
CAN_MAKE := $(CAN_RUN); import ensurepip, venv

GPU_PACKAGES := from importlib.metadata import distributions; \
	names = {d.metadata["Name"].lower() for d in distributions()}; \
	print(*sorted(n for n in names if n.startswith(("nvidia-", "cuda-"))))

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

# The stamp is made last, by renaming .venv/.unfinished. So an interrupted set-up is known by that file and begun
# afresh (pip cannot tell a half-installed package from a whole one), and so is a .venv that was moved, whose scripts
# name the old folder. A .venv without either file was made by hand: it is completed, not replaced.
setup: ## make .venv and install odqa into it; does nothing when that is done already
	@set -eu; \
	stop() { printf 'make setup: %s\n' "$$@" >&2; exit 1; }; \
	can_run() { "$$1" -c '$(CAN_RUN)' >/dev/null 2>&1; }; \
	can_make() { "$$1" -c '$(CAN_MAKE)' >/dev/null 2>&1; }; \
	fingerprint() { "$$1" -c '$(FINGERPRINT)' 2>/dev/null || true; }; \
	\
	present=$$(fingerprint $(PYTHON)); \
	wanted=$$present; \
	if [ -n "$${ODQA_PYTHON:-}" ]; then \
		if ! can_make "$$ODQA_PYTHON"; then \
			stop "ODQA_PYTHON=$$ODQA_PYTHON cannot be used: $$("$$ODQA_PYTHON" --version 2>&1 | tail -n 1)." \
				"It must run Python 3.11 or newer with the modules venv and ensurepip."; \
		fi; \
		wanted=$$(fingerprint "$$ODQA_PYTHON"); \
	fi; \
	stamp=$(VENV)/.stamp-$$wanted; \
	if [ -n "$$present" ] && [ "$$present" = "$$wanted" ] && [ "$$(cat "$$stamp" 2>/dev/null)" = "$$PWD" ]; then \
		exit 0; \
	fi; \
	\
	renew=; \
	if ! can_run $(PYTHON) || [ "$$present" != "$$wanted" ] || [ -e $(VENV)/.unfinished ]; then renew=yes; fi; \
	for old in $(VENV)/.stamp-*; do \
		if [ -e "$$old" ] && [ "$$(cat "$$old")" != "$$PWD" ]; then renew=yes; fi; \
	done; \
	if [ -n "$$renew" ]; then \
		if [ -n "$${ODQA_PYTHON:-}" ]; then set -- "$$ODQA_PYTHON"; \
		else set -- python3.13 python3.12 python3.11 python3; fi; \
		found=; seen=; \
		for candidate in "$$@"; do \
			if can_make "$$candidate"; then found=$$candidate; break; fi; \
			if version=$$("$$candidate" --version 2>/dev/null); then seen="$$seen $$candidate ($$version)"; fi; \
		done; \
		if [ -z "$$found" ]; then \
			stop "no suitable Python found.$${seen:+ Found, but too old or without venv and ensurepip:$$seen.}" \
				"odqa needs Python 3.11 or newer: install it (on Debian and Ubuntu with its package python3.11-venv)," \
				"or name it: make setup ODQA_PYTHON=/path/to/python3.11"; \
		fi; \
		echo "Making $(VENV) with $$("$$found" --version) ($$(command -v "$$found")) ..."; \
		rm -rf $(VENV); \
		mkdir $(VENV); \
		: > $(VENV)/.unfinished; \
		"$$found" -m venv $(VENV); \
	fi; \
	\
	rm -f $(VENV)/.stamp-*; \
	printf '%s\n' "$$PWD" > $(VENV)/.unfinished; \
	$(PYTHON) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m ensurepip --upgrade >/dev/null; \
	echo "Installing odqa and what it needs: minutes the first time, as PyTorch is large ..."; \
	$(PYTHON) -m pip install --disable-pip-version-check --editable '.[dev]' || \
		stop "pip could not install odqa (its reason stands above). Once that is mended, run make setup again."; \
	\
	unused=$$($(PYTHON) -c '$(GPU_PACKAGES)'); \
	if [ -n "$$unused" ] && [ ! -e /dev/nvidia0 ] && [ ! -e /dev/dxg ]; then \
		echo "Note: this machine has no NVIDIA GPU, but PyTorch brought its CUDA libraries: $$unused."; \
		echo "All works, only gigabytes larger than need be. For the CPU build: rm -rf $(VENV), then run"; \
		echo "    PIP_EXTRA_INDEX_URL=<the CPU index that https://pytorch.org/get-started/locally names> make setup"; \
	fi; \
	mv $(VENV)/.unfinished "$(VENV)/.stamp-$$(fingerprint $(PYTHON))"; \
	echo "Done: $(VENV)/bin/odqa is ready."

demo: setup ## ask a question of the sample documents
	@$(VENV)/bin/odqa demo

test: setup ## run the tests (not the slow ones, nor those for a GPU)
	@OMP_NUM_THREADS=1 $(PYTHON) -m pytest -q -n $(WORKERS) --dist loadfile

lint: setup ## check style, formatting and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: setup ## repair style and formatting where that can be done safely
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: setup ## run every benchmark; BENCH=benchmarks/NAME.py runs one
	@if [ -z "$(BENCH)" ]; then echo "make bench: there are no scripts in benchmarks/" >&2; exit 1; fi
	@set -e; for script in $(BENCH); do echo "== $$script"; $(PYTHON) "$$script"; done

clean: ## remove caches and build results, but not .venv
	@find . \( -name .venv -o -name .git \) -prune -o -type d -name __pycache__ -exec rm -rf {} +
	@rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
