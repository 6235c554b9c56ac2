#!/usr/bin/env bash
# Make .venv ready; a second call with nothing changed returns at once. Run it as `just setup`.
#
#   setup.sh          everything in the justfile: training, export, tests
#   setup.sh light    extraction and evaluation only, without torch (what `just try` runs on)
#
# Creates the virtual environment, installs the versions pinned in requirements/lock.txt, compiles
# llama.cpp where that is needed, fetches the default base model, proves with it that the build
# works on this processor, and lays out the link farm that type checkers follow.
#
# PYTHON=/path/to/python3    which Python to build on (default: the first of 3.10 or newer)
# CMAKE_ARGS="..."           your own flags for the compilation; ours are added behind them
# SETACCIO_TORCH_INDEX=URL   a package index that has CPU builds of torch (pip's own index brings one
#                            with CUDA, 4 GB of it)
# SETACCIO_MODELS=FOLDER     where models lie already, for a machine without network
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

level=${1:-full}
case $level in full | light) ;; *) echo "setup: unknown level $level; full or light" >&2 && exit 2 ;; esac
venv=.venv
stamp=$venv/setaccio-stamp
say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 2
}

# Anything that changes what would be installed changes the stamp. The folder is part of it because
# a virtual environment that is moved no longer works.
wanted=$({
  echo "$root"
  echo "${SETACCIO_TORCH_INDEX:-}"
  cat pyproject.toml requirements/*.txt scripts/setup.sh
} | cksum)

link_types() {
  mkdir -p .types/setaccio
  for folder in data models train export runtime eval cli; do
    ln -sfn "../../$folder" ".types/setaccio/$folder"
  done
}

link_types
if [ -x $venv/bin/python ]; then
  case "$(cat $stamp 2>/dev/null || true)" in
    "full $wanted") exit 0 ;;
    "light $wanted") [ "$level" = full ] || exit 0 ;;
  esac
fi

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; }

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python3.10; do
    if [ -n "$candidate" ] && command -v "$candidate" >/dev/null && new_enough "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  fail "Python 3.10 or newer is needed. On Debian or Ubuntu: apt install python3 python3-venv"
}

make_venv() {
  local python=$1
  if [ -e $venv ] && [ ! -e $venv/setaccio-root ] && [ ! -e $venv/setaccio-stamp ]; then
    fail "$root/$venv is there and was not made by this script, which would empty it. Move it away or rename it."
  fi
  # Cut off before it is marked, it would be taken for somebody else's the next time.
  trap 'rm -rf "$venv"; exit 130' INT TERM
  if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    "$python" -m venv --clear $venv
  elif "$python" -m venv --without-pip --clear $venv 2>/dev/null &&
    "$python" -m pip --python $venv/bin/python install -q pip 2>/dev/null; then
    : # Debian splits ensurepip off; the pip that brought `just` fills the gap.
  else
    rm -rf $venv
    fail "this Python can not make virtual environments. On Debian or Ubuntu: apt install python3-venv"
  fi
}

# The binding needs the library alone: neither the command-line tools and what they share nor the
# image and audio part.
build_less() {
  local without_tools
  printf -v without_tools '%q' "$root/scripts/llama_build.cmake"
  export CMAKE_ARGS="${CMAKE_ARGS:-} -DLLAVA_BUILD=OFF -DCMAKE_PROJECT_llama.cpp_INCLUDE=$without_tools"
}

# GCC lets itself drop the stores that fill the AMX tile configuration, and every quantised model
# then crashes on processors with AMX. These two passes are what does it; without them AMX stays on.
cure_amx() {
  local compiler=${CXX:-c++}
  compiler=${compiler%% *}
  case "$(uname -m)" in x86_64 | amd64) ;; *) return 0 ;; esac
  "$compiler" --version 2>/dev/null | grep -q 'Free Software Foundation' || return 0
  case "${CMAKE_ARGS:-}" in
    *-fno-tree-dse*) ;;
    *CMAKE_C_FLAGS* | *CMAKE_CXX_FLAGS*)
      say "CMAKE_ARGS sets compiler flags of its own; leaving them alone (see docs/install.md)."
      ;;
    *)
      export CMAKE_ARGS="${CMAKE_ARGS:-} -DCMAKE_C_FLAGS='-fno-tree-dse -fno-dse' -DCMAKE_CXX_FLAGS='-fno-tree-dse -fno-dse'"
      ;;
  esac
}

# setuptools warns of what an editable installation is, which is meant here.
pip() { PYTHONWARNINGS="ignore:Editable installation" $venv/bin/python -m pip --disable-pip-version-check "$@"; }

# 0: the default known model works. 9: this build of llama.cpp can not run it. 3: it is not fetched.
smoke() {
  $venv/bin/python - <<'PYTHON'
import sys

from setaccio.cli.choices.model_choice import fetched_gguf
from setaccio.data.errors import SetaccioError
from setaccio.models import default_base
from setaccio.runtime.model.smoke_test import quantised_smoke

try:
    path = fetched_gguf()
    if path is None:
        print("There is none yet. Fetch one with", file=sys.stderr)
        print(f"  .venv/bin/setaccio models fetch {default_base().name}", file=sys.stderr)
        sys.exit(3)
    result = quantised_smoke(path)
except SetaccioError as error:
    print(error, file=sys.stderr)
    sys.exit(3)
print(result.message, file=sys.stderr)
sys.exit(0 if result.ok else 9)
PYTHON
}

# Start a command with its output in a log, in a process group of its own; $started_pid is its id.
start() {
  local log=$1
  shift
  set -m
  "$@" >"$log" 2>&1 </dev/null &
  set +m
  started_pid=$!
}

# How far a log is: the compiler's count of files, or the package that pip is at.
progress() {
  tail -c 50000 "$1" | tr '\r' '\n' |
    sed -nE 's/^ *(\[[0-9]+\/[0-9]+\]).*/\1 files/p; s/^ *((Collecting|Downloading|Installing|Preparing|Getting) .*)/\1/p' |
    tail -n 1 | cut -c 1-70
}

# Wait for a command that `start` began, and say how far it is.
follow() {
  local what=$1 pid=$2 log=$3 since=$SECONDS told=$SECONDS every=10
  [ ! -t 2 ] || every=2
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    [ $((SECONDS - told)) -ge $every ] || continue
    told=$SECONDS
    [ ! -t 2 ] || printf '\r\033[K' >&2
    printf '    %s: %d s  %s' "$what" $((SECONDS - since)) "$(progress "$log")" >&2
    [ -t 2 ] || echo >&2
  done
  [ ! -t 2 ] || printf '\r\033[K' >&2
  wait "$pid" || {
    local status=$?
    tail -n 30 "$log" >&2
    fail "$what failed (above: the end of $log)"
  }
}

llama_version=$(sed -n 's/^llama-cpp-python==\([^ ;]*\).*/\1/p' requirements/lock.txt)

has_llama() {
  [ "$($venv/bin/python -c 'import importlib.metadata as m; print(m.version("llama-cpp-python"))' 2>/dev/null)" = "$llama_version" ]
}

compile_llama() {
  pip wheel -v --no-deps -w $work --build-constraint requirements/build.txt "$@" \
    "llama-cpp-python==$llama_version"
}

# What pyproject.toml asks for, without llama.cpp and without us, one a line.
other_packages() {
  $venv/bin/python - "$level" <<'PYTHON'
import sys
from pathlib import Path

from pip._vendor import tomli

project = tomli.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
wanted = project["dependencies"]
if sys.argv[1] == "full":
    wanted = wanted + project["optional-dependencies"]["train"]
print(*(name for name in wanted if not name.startswith("llama-cpp-python")), sep="\n")
PYTHON
}

install_others() {
  if [ "$level" = full ] && [ -n "${SETACCIO_TORCH_INDEX:-}" ]; then
    # Anew where another index brought it: 2.13.0 with CUDA satisfies the same pin.
    pip install --no-deps --force-reinstall --index-url "$SETACCIO_TORCH_INDEX" \
      "$(grep -m1 '^torch==' requirements/limits.txt)"
  fi
  other_packages >$work/others.txt
  pip install -c requirements/lock.txt -r $work/others.txt
}

install_ourselves() {
  local what=.
  [ "$level" = light ] || what='.[train,dev]'
  pip install -c requirements/lock.txt --build-constraint requirements/build.txt \
    $(find $work -name 'llama_cpp_python-*.whl') -e "$what"
}

python=$(find_python)
cxx=${CXX:-c++} cc=${CC:-cc}
command -v "${cxx%% *}" >/dev/null && command -v "${cc%% *}" >/dev/null ||
  fail "no C/C++ compiler found (llama.cpp is compiled here). On Debian or Ubuntu: apt install build-essential"

started=$SECONDS
if [ ! -x $venv/bin/python ] || ! new_enough $venv/bin/python ||
  [ "$(head -1 $venv/setaccio-root 2>/dev/null || true)" != "$root" ]; then
  say "Creating $venv with $("$python" --version) ($python)"
  make_venv "$python"
  echo "$root" >$venv/setaccio-root
  trap - INT TERM
fi

build_less
cure_amx
say "Bringing pip to its pinned version"
pip install -q -c requirements/build.txt pip
work=$venv/setup
rm -rf $work
mkdir $work
trap '[ -z "${compiling:-}" ] || kill -- -"$compiling" 2>/dev/null; [ -z "${started_pid:-}" ] || kill -- -"$started_pid" 2>/dev/null || true' EXIT
compiling=
if ! has_llama; then
  say "Compiling llama.cpp for this processor, once: later clones use the cached result."
  start $work/llama.log compile_llama
  compiling=$started_pid
fi
say "Installing the versions pinned in requirements/lock.txt ($level)"
start $work/others.log install_others
follow "Packages" "$started_pid" $work/others.log

say "Fetching the default base model (98 MB, kept in the user's cache)"
fetched=0
PYTHONPATH=.types $venv/bin/python -m setaccio.cli.main models fetch || fetched=$?
[ $fetched -ne 130 ] || exit 130 # Ctrl-C
[ $fetched -eq 0 ] || say "It could not be fetched; the next set-up tries again."

if [ -n "$compiling" ]; then
  follow "Compiling llama.cpp" "$compiling" $work/llama.log
  compiling=
fi
start $work/ours.log install_ourselves
follow "Installing" "$started_pid" $work/ours.log

say "Trying a quantised model on this processor"
status=0
smoke || status=$?
if [ $status -eq 9 ]; then
  say "This llama.cpp does not work here; it was probably compiled elsewhere or without our flags."
  say "Compiling it again, past every cache"
  rm -f $work/llama_cpp_python-*.whl
  start $work/llama.log compile_llama --no-cache-dir --no-binary llama-cpp-python
  follow "Compiling llama.cpp" "$started_pid" $work/llama.log
  pip install -q --force-reinstall --no-deps $work/llama_cpp_python-*.whl
  smoke || fail "llama.cpp still does not work here. Run: $venv/bin/setaccio doctor"
elif [ $status -ne 0 ]; then
  say "No quantised model could be tried; going on without that proof."
fi

if [ "$level" = full ]; then
  say "Keeping llama.cpp's converter for exports, so that they need no network"
  $venv/bin/python -c 'from setaccio.export import converter_root; converter_root()' ||
    say "It could not be fetched; the first export will try again."
fi

rm -rf $work
# Without the model the set-up is not finished: the next one goes on here.
[ $fetched -ne 0 ] || echo "$level $wanted" >$stamp
say "Ready after $((SECONDS - started)) s"
