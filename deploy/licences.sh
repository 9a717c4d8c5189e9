#!/bin/sh
# Fails when a package that the product needs comes under a licence that it may not use (AGPL, GPL).
set -eu
cd "$(dirname "$0")/.."
# The product's own closure only: what the tests use is never shipped.
wanted=$(.venv/bin/uv export --frozen --quiet --no-dev --all-extras --no-emit-project --no-hashes --no-annotate --no-header |
  sed -E 's/[ ;=[].*//' | sort -u)
[ -n "$wanted" ] || { echo "the list of packages is empty" >&2; exit 1; }
# shellcheck disable=SC2086  # a list of names is meant to be split
.venv/bin/pip-licenses --python .venv/bin/python --packages $wanted --format csv --from mixed |
  awk -F'","' 'NR > 1 && /GPL/ && !/LGPL|Lesser/ { print "not allowed: " $0; bad = 1 } END { exit bad }'
