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
exec .venv/bin/pytest -n 3 --dist loadgroup tests
