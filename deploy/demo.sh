#!/bin/sh
# Installs what is missing, ingests the sample courseware on the embedded defaults, serves the site: sh deploy/demo.sh
set -eu
cd "$(dirname "$0")/.."
. deploy/setup.sh

need_ingest
install_missing
python_environment --no-default-groups --group demo

XUEHAI_DATA_DIR="${XUEHAI_DATA_DIR:-$PWD/xuehai-data}"
export XUEHAI_DATA_DIR
accounts="$XUEHAI_DATA_DIR/demo-accounts.txt"

if [ ! -s "$accounts" ]; then
  if [ -e "$XUEHAI_DATA_DIR/xuehai.db" ]; then
    say "The folder $XUEHAI_DATA_DIR holds an installation without a finished demonstration."
    say "Name another folder:  XUEHAI_DATA_DIR=/path sh deploy/demo.sh   (or remove this one)"
    exit 1
  fi
  mkdir -p "$XUEHAI_DATA_DIR"
  sample=$(mktemp -d)
  trap 'rm -rf "$sample"' EXIT INT TERM
  say "Drawing, writing and speaking the sample courseware …"
  .venv/bin/python deploy/demo/build.py "$sample"
  say "Bringing it in …"
  (umask 077 && .venv/bin/python deploy/demo/ingest.py "$sample" >"$accounts.new" && mv "$accounts.new" "$accounts")
  rm -rf "$sample"
  trap - EXIT INT TERM
fi

say ""
say "Sample accounts (also in $accounts):"
cat "$accounts" >&2
say ""
exec .venv/bin/xuehai serve "$@"
