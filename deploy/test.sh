#!/bin/sh
# Installs what the tests need and passes them: sh deploy/test.sh [pytest arguments]
set -eu
cd "$(dirname "$0")/.."
. deploy/setup.sh

need_ingest
need strace strace
need chromium chromium
need_servers
install_missing
python_environment --all-extras --group demo

fetch_servers

if [ $# -gt 0 ]; then exec .venv/bin/pytest "$@"; fi
# In CI the order is the same each time, so that what fails there can be done again; elsewhere it is another each time.
exec .venv/bin/pytest -n 2 --dist loadgroup ${CI:+--randomly-seed=20261123} tests
