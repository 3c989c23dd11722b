# Sourced by scripts that need Python packages, or other tools that are installed on first use.
# shellcheck shell=bash

tools=${HEADWATER_TOOLS_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.tools}

# alone NAME COMMAND...: runs the command under a lock with this name. Scripts use it to install into $tools, which they
# share.
alone() {
  local lock=$tools/.$1.installing owner
  shift
  mkdir -p "$tools"
  # The creation of a symbolic link is atomic. Its target is the process id of the owner.
  until ln -s "$$" "$lock" 2>/dev/null; do
    owner=$(readlink "$lock" || true)
    [ -z "$owner" ] || kill -0 "$owner" 2>/dev/null || rm -f "$lock"
    sleep 0.2
  done
  (
    trap 'rm -f "$lock"' EXIT
    "$@"
  )
}

# venv NAME REQUIREMENTS: creates a virtual environment in $tools once, and again if the requirements change.
venv() {
  cmp -s "$2" "$tools/$1/requirements.txt" || alone "$1" make_venv "$@"
}

make_venv() {
  local folder=$tools/$1 requirements=$2
  # Another script may have created it in the meantime.
  if ! cmp -s "$requirements" "$folder/requirements.txt"; then
    python3 -m venv --clear "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$folder/requirements.txt"
  fi
}
