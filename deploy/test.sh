#!/bin/sh
# Installs what the tests need and passes them: sh deploy/test.sh [pytest arguments]
set -eu
cd "$(dirname "$0")/.."
. deploy/setup.sh

need python3 python3
need_venv python3-venv
need ffmpeg ffmpeg
need soffice "libreoffice-impress libreoffice-writer libreoffice-calc"
need pdftoppm poppler-utils
need bwrap bubblewrap
need strace strace
need chromium chromium
need espeak-ng espeak-ng
need_fonts fonts-noto-cjk
install_missing
python_environment --all-extras --group demo

if [ $# -gt 0 ]; then exec .venv/bin/pytest "$@"; fi
exec .venv/bin/pytest -n 3 --dist loadgroup tests
