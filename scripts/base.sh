#!/usr/bin/env bash
# Make the two bundled models anew: the tiny base, and the recipe GGUF tuned from it.
#
# Resumable: called again after an interruption, it goes on from the last checkpoint. Everything in
# between stays under runs/base and runs/tiny-recipe. A fine-tuning on another base or with other
# settings than the present ones is started anew; what a finished one left is moved aside. Run it as
# `just base`.
set -euo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
setaccio=.venv/bin/setaccio
base=train/bundled/tiny-base
run=runs/tiny-recipe

$python -m setaccio.train.base --work runs/base --out $base "$@"
pairs=runs/tiny-recipe-72k.jsonl
[ -e $pairs ] || $setaccio data generate --count 72000 --seed 11 --out $pairs
settings=scripts/tiny-recipe.yaml
go_on=""
if [ -e $run ]; then
  digest=$(sha256sum $base/model.safetensors | cut -d ' ' -f 1)
  if grep -qs "$digest" $run/inputs.json $run/run.json && $python - $settings $pairs $run <<'END'
import sys
from setaccio.data.errors import UsageError
from setaccio.train import load_config
settings, pairs, out = sys.argv[1:]
now = load_config(settings, {"pairs": pairs, "out": out})
try:
    sys.exit(bool(load_config(f"{out}/config.yaml").differences(now)))
except UsageError:  # not there, or of a time with other settings
    sys.exit(1)
END
  then
    go_on=--resume
  elif [ -e $run/run.json ]; then
    aside=$run-$(date -r $run/run.json +%Y%m%d-%H%M%S)
    mv -T $run "$aside"
    echo "The earlier run has another base or other settings; it is in $aside now."
  else
    go_on=--overwrite
  fi
fi
# shellcheck disable=SC2086  # empty means no flag
$setaccio train --config $settings --pairs $pairs --out $run $go_on
$setaccio export $run --quant q8_0 --out runs/tiny-recipe-gguf
cp runs/tiny-recipe-gguf/*-q8_0.gguf runtime/bundled/tiny-recipe-q8_0.gguf
