#!/usr/bin/env bash
# Write requirements/lock.txt anew: one exact version of every direct and transitive package, for
# every supported Python, from what pyproject.toml and requirements/limits.txt ask for.
# Run it as `just lock`, read the difference, and run the tests before committing it.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=.cache/lock-tools
[ -x "$tools/bin/uv" ] || { python3 -m venv "$tools" && "$tools/bin/python" -m pip install -q uv; }
fresh=$(mktemp requirements/.lock.XXXXXX)
trap 'rm -f "$fresh"' EXIT
{
  echo "# Written by \`just lock\`; do not edit. Used as constraints: pip install -c requirements/lock.txt"
  "$tools/bin/uv" pip compile --quiet --universal --python-version 3.10 \
    --extra train --extra dev --extra gpu --extra bench --constraint requirements/limits.txt \
    --no-annotate --no-header --no-emit-index-url --no-emit-find-links --upgrade \
    pyproject.toml
} >"$fresh"
chmod 644 "$fresh"
mv "$fresh" requirements/lock.txt
trap - EXIT
echo "requirements/lock.txt: $(grep -c == requirements/lock.txt) pins."
