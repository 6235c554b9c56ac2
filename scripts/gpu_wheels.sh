#!/usr/bin/env bash
# Gather what an offline GPU machine lacks into one archive of at most 45 MB: runs/gpu-wheels.tar.xz.
# Run it as `just gpu-wheels`; there, pass the archive to gpu_check with --wheels.
#
# The machine has Python 3.12, glibc 2.35 or newer, CUDA 13, a C compiler, and torch, transformers
# and peft with what comes with them, pandas, pyarrow and scipy. The archive brings the other
# packages at the pinned versions, installed; llama.cpp compiled for any x86-64 processor with AVX2,
# without OpenMP, whose library may be absent there; and llama.cpp's converter with the Qwen2
# vocabulary. Cut: bitsandbytes' libraries for other GPUs (39 MB), Unsloth's web studio (29 MB).
# Left out: xformers (100 MB; PyTorch's attention is taken) and diffusers (pictures only).
set -euo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
out=${1:-runs/gpu-wheels.tar.xz}
limit=45000000
packages="unsloth unsloth-zoo trl datasets bitsandbytes cut-cross-entropy torchao tyro
  docstring-parser typeguard hf-transfer msgspec einops nest-asyncio structlog pydantic
  pydantic-core annotated-types typing-inspection typing-extensions multiprocess dill xxhash fsspec
  platformdirs outlines outlines-core genson cloudpickle diskcache llguidance rapidfuzz jsonschema
  jsonschema-specifications referencing rpds-py attrs pytest pluggy iniconfig hypothesis
  sortedcontainers"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pip() { "$python" -m pip --disable-pip-version-check "$@"; }
target=(--target "$work/packages" --no-deps --no-compile)
platforms=(manylinux2014 manylinux1 linux)
for minor in $(seq 5 35); do platforms+=("manylinux_2_$minor"); done
# pip takes a platform by its exact name.
# shellcheck disable=SC2086
pip install -q "${target[@]}" --only-binary=:all: --python-version 3.12 --implementation cp \
  $(printf -- '--platform %s_x86_64 ' "${platforms[@]}") -c requirements/lock.txt $packages

echo "Compiling llama.cpp for any x86-64 processor with AVX2 (3 to 10 minutes)" >&2
flags='-fno-tree-dse -fno-dse' # those of scripts/setup.sh
CMAKE_ARGS="-DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DLLAVA_BUILD=OFF -DCMAKE_C_FLAGS='$flags' \
  -DCMAKE_CXX_FLAGS='$flags'" pip wheel -q --no-deps --no-cache-dir --no-binary llama-cpp-python \
  --build-constraint requirements/build.txt -c requirements/lock.txt -w "$work" llama-cpp-python
pip install -q "${target[@]}" "$work"/llama_cpp_python-*.whl

(cd "$work/packages" && rm -rf studio bin lib include llama_cpp/lib/libmtmd*)
find "$work/packages/bitsandbytes" -name 'libbitsandbytes_*.so' \
  ! -name '*_cuda130.so' ! -name '*_cpu.so' -delete
source=$("$python" -c \
  'from setaccio.export.gguf.llamacpp_source import converter_root; print(converter_root())')
cp -r "$source" "$work/llama.cpp"
find "$work/llama.cpp/models" -name '*.gguf' ! -name '*-qwen2.gguf' -delete

mkdir -p "$(dirname "$out")"
tar -C "$work" -c packages llama.cpp | xz -9 >"$out.part"
mv "$out.part" "$out"
size=$(stat -c %s "$out")
echo "$out: $((size / 1000000)) MB"
[ "$size" -le "$limit" ] || { echo "gpu-wheels: that is over the limit of 45 MB." >&2; exit 1; }
