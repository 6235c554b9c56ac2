# Setaccio's recipes. `just` lists them; every one makes the environment ready first.

set positional-arguments
set shell := ["bash", "-euo", "pipefail", "-c"]

python := ".venv/bin/python"
setaccio := ".venv/bin/setaccio"

# List the recipes
[private]
default:
    @{{ just_executable() }} --list --unsorted --justfile {{ justfile() }}

# Make the environment: .venv, pinned packages, llama.cpp compiled for this processor
setup:
    @bash scripts/setup.sh

# Extract only: the light install without torch, and the shipped adapter on samples
try *ARGS:
    @bash scripts/setup.sh light
    @{{ setaccio }} try "$@"

# Fine-tune the default base on bookings, prove, extract and compare: the whole path in minutes
demo *ARGS: setup
    @{{ setaccio }} demo "$@"

# Run the tests (arguments go to pytest)
test *ARGS: setup
    @{{ python }} -m pytest "$@"

# Check style, formatting, what imports what, and the sizes of files and folders
lint: setup
    @{{ python }} -m ruff check .
    @{{ python }} -m ruff format --check .
    @PYTHONPATH=.types .venv/bin/lint-imports --no-logo --no-cache
    @{{ python }} -m scripts.check_house

# Check types (mypy, strict)
types: setup
    @{{ python }} -m mypy

# Extract JSON from a text file (or folder, JSON Lines, or - for standard input)
extract FILE *ARGS:
    @bash scripts/setup.sh light
    @{{ setaccio }} extract "$@"

# Fine-tune an adapter, for example: just train --config my-run.yaml
train *ARGS: setup
    @{{ setaccio }} train "$@"

# Merge, convert and quantise a trained run, for example: just export runs/my-run
export *ARGS: setup
    @{{ setaccio }} export "$@"

# Compare constrained with free decoding, for example: just eval --model my.gguf --pairs my.jsonl
eval *ARGS:
    @bash scripts/setup.sh light
    @{{ setaccio }} eval "$@"

# Evaluate the adapters of runs/tasks and write docs/tasks.md's tables; what was decoded is read back
tasks *ARGS: setup
    @{{ python }} -m scripts.task_table "$@"

# Measure speed and memory beside other programs: about 20 minutes (--quick; --model my.gguf --pairs mine.jsonl)
bench *ARGS: setup
    @{{ python }} -m benchmarks "$@"

# Check this machine: compiler flags, AMX, a quantised model, versions, memory, GPU
doctor: setup
    @{{ setaccio }} doctor

# Train with Unsloth and with the plain stack on this GPU, and compare (--rehearse: on a CPU)
gpu-check *ARGS:
    @python={{ python }}; [ -x $python ] || python=python3; $python -m scripts.gpu_check "$@"

# Gather what an offline GPU machine lacks into runs/gpu-wheels.tar.xz, at most 45 MB
gpu-wheels *ARGS: setup
    @bash scripts/gpu_wheels.sh "$@"

# Resolve every dependency anew and pin it in requirements/lock.txt
lock:
    @bash scripts/lock.sh

# Remove the environment, caches and build results (runs/ is kept)
clean:
    rm -rf .venv .types .cache build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
