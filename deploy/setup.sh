# Shared by demo.sh and test.sh: finds what is missing, installs it where that is allowed, or names it all at once.
# Source it; it defines need, need_ingest, need_servers, install_missing, python_environment, fetch_servers.

MISSING=""

# need PROGRAM PACKAGE: remember the Debian package of a program that is not here.
need() {
  command -v "$1" >/dev/null 2>&1 || MISSING="$MISSING $2"
}

# need_fonts PATTERN PACKAGE: type for previews and screenshots.
need_fonts() {
  command -v fc-list >/dev/null 2>&1 && [ -n "$(fc-list "$1" family 2>/dev/null | head -n 1)" ] || MISSING="$MISSING $2 fontconfig"
}

# need_venv PACKAGE: Debian ships Python without the part that makes environments.
need_venv() {
  python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || MISSING="$MISSING $1"
}

# need_ingest: what serving and ingesting courseware need.
need_ingest() {
  need python3 python3
  need_venv python3-venv
  need ffmpeg ffmpeg
  need soffice "libreoffice-impress libreoffice-writer libreoffice-calc"
  need pdftoppm poppler-utils
  need bwrap bubblewrap
  need espeak-ng espeak-ng
  need_fonts :lang=zh fonts-noto-cjk
  need_fonts "Liberation Serif" fonts-liberation # as wide as Times, Arial and Courier: else pages break elsewhere
}

# need_servers: the servers of the grown profile that Debian has; only their programs are used, never their services.
need_servers() {
  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || MISSING="$MISSING postgresql"
  need redis-server redis-server
  [ -d /usr/lib/rabbitmq ] || MISSING="$MISSING rabbitmq-server"
}

# fetch_servers: build or download the others, once. Outside of CI, tests of what cannot be had are skipped and say so.
fetch_servers() {
  if [ -n "${CI:-}" ] || { command -v go >/dev/null 2>&1 && command -v mvn >/dev/null 2>&1; }; then
    .venv/bin/python -m tests.servers.fetch
  else
    say "Without go and mvn there is no MinIO, Versity gateway and Elasticsearch here: THEIR TESTS WILL BE SKIPPED."
  fi
}

say() { printf '%s\n' "$*" >&2; }

# install_missing: install by apt as root or by sudo without a password; otherwise say what to type and stop.
install_missing() {
  [ -n "$MISSING" ] || return 0
  run=""
  if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true >/dev/null 2>&1; then run="sudo"; else run="no"; fi
  fi
  if [ "$run" = no ] || ! command -v apt-get >/dev/null 2>&1; then
    say "These system packages are missing:$MISSING"
    say "Install them with:  sudo apt-get install --no-install-recommends$MISSING"
    say "Then start this again. Nothing was changed."
    exit 1
  fi
  say "Installing missing system packages:$MISSING"
  $run apt-get update -qq
  # shellcheck disable=SC2086  # a list of packages is meant to be split
  $run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $MISSING >/dev/null
}

# python_environment ARGUMENTS: make .venv by the lock file; the arguments choose extras and groups.
python_environment() {
  if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    say "Python 3.11 or newer is needed; python3 here is $(python3 --version 2>&1)."
    exit 1
  fi
  [ -x .venv/bin/python ] || python3 -m venv .venv
  [ -x .venv/bin/uv ] || .venv/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'
  UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=.venv .venv/bin/uv sync --frozen --inexact --quiet "$@"
}
