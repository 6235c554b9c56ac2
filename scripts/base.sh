#!/usr/bin/env bash
# Make the two bundled models anew: the tiny base, and the recipe GGUF tuned from it.
#
# Resumable: called again after an interruption, it goes on from the last checkpoint. Everything in
# between stays under runs/base and runs/tiny-recipe. A fine-tuning on another base than the present
# one is started anew. Run it as `just base`.
set -euo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
setaccio=.venv/bin/setaccio
base=train/bundled/tiny-base
run=runs/tiny-recipe

$python -m setaccio.train.base --work runs/base --out $base "$@"
pairs=runs/tiny-recipe-72k.jsonl
[ -e $pairs ] || $setaccio data generate --count 72000 --seed 11 --out $pairs
go_on=""
if [ -e $run ]; then
  digest=$(sha256sum $base/model.safetensors | cut -d ' ' -f 1)
  grep -qs "$digest" $run/inputs.json $run/run.json && go_on=--resume || go_on=--overwrite
fi
# shellcheck disable=SC2086  # empty means no flag
$setaccio train --config scripts/tiny-recipe.yaml --pairs $pairs --out $run $go_on
$setaccio export $run --quant q8_0 --out runs/tiny-recipe-gguf
cp runs/tiny-recipe-gguf/*-q8_0.gguf runtime/bundled/tiny-recipe-q8_0.gguf
