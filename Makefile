# `make demo` shows the platform, `make test` proves it, `make check` is what CI holds us to.
VENV ?= .venv
PYTHON ?= python3
BIN := $(abspath $(VENV))/bin
STAMP := $(VENV)/.installed
PROTOS := $(sort $(shell find protos -name '*.proto'))
SERVICES := $(filter %_service.proto,$(PROTOS))
PROTOC := $(BIN)/python -m grpc_tools.protoc --proto_path=protos
export PYTHONPATH := $(CURDIR):$(CURDIR)/protos
EXIT ?=
ROUNDS ?= 3
SEED ?= 1
RECORDS ?= 100000

.PHONY: setup demo dev down test check lint types imports protos protos-check breaking db-check lock bench chaos

setup: $(STAMP) # create the environment from the hash-locked requirements

$(STAMP): requirements/dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	printf '#!/bin/sh\nPYTHONPATH="%s" exec "%s/python" -m cli "$$@"\n' "$(PYTHONPATH)" "$(BIN)" >$(BIN)/armature
	chmod +x $(BIN)/armature
	touch $(STAMP)

demo: setup # start everything, run the main job, stay up (EXIT=1: stop after it)
	$(BIN)/python -m cli demo $(if $(EXIT),--exit)

dev: setup # start everything and stay up
	$(BIN)/python -m cli dev

down: setup # stop what a crash left behind
	$(BIN)/python -m cli down

test: setup # every test, on real Postgres, NATS and S3
	$(BIN)/python -m tests

check: setup lint types imports protos-check breaking # all that CI holds us to; db-check is among the tests
	$(BIN)/python -m tests

lint: setup # style of the Python and of the contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/buf lint protos
	$(BIN)/buf format --diff --exit-code protos

types: setup # every signature is checked
	$(BIN)/mypy --strict kit schema services gateway cli tests

imports: setup # every module stays in its layer
	$(BIN)/lint-imports

protos: setup # regenerate the stubs beside their .proto files
	$(PROTOC) --python_out=protos --pyi_out=protos $(PROTOS)
	$(PROTOC) --plugin=$(BIN)/protoc-gen-mypy_grpc --grpc_python_out=protos --mypy_grpc_out=protos $(SERVICES)

protos-check: setup # the committed stubs are those of the committed protos
	rm -rf .armature/stubs && mkdir -p .armature/stubs
	$(PROTOC) --python_out=.armature/stubs --pyi_out=.armature/stubs $(PROTOS)
	$(PROTOC) --plugin=$(BIN)/protoc-gen-mypy_grpc --grpc_python_out=.armature/stubs --mypy_grpc_out=.armature/stubs $(SERVICES)
	cd .armature/stubs && find . -type f | while read -r f; do cmp "$$f" "$(CURDIR)/protos/$$f" || exit 1; done

breaking: setup # no contract breaks its clients, against main
	@if git rev-parse --verify --quiet main:protos >/dev/null; then \
	  $(BIN)/buf breaking protos --against '.git#branch=main,subdir=protos'; \
	else echo "no protos on main yet: nothing to break"; fi

db-check: setup # migrations build the tables that the code describes
	$(BIN)/python -m pytest -q tests/integration/test_migrations.py

lock: setup # raise every pinned requirement
	for name in runtime dev; do $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-annotate requirements/$$name.in -o requirements/$$name.txt; done

bench: setup # every figure beside its floor; RECORDS=10000,1000000 prints what growth costs as well
	$(BIN)/python -m tests.bench --records $(RECORDS)
	$(BIN)/python -m pytest -q -s -m bench tests

chaos: setup # a fault campaign
	$(BIN)/python -m tests.chaos --rounds $(ROUNDS) --seed $(SEED)
