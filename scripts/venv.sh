# Sourced by scripts that need Python packages, or other tools that are installed on first use.
# shellcheck shell=bash

tools=${HEADWATER_TOOLS_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.tools}

# alone NAME COMMAND...: runs the command while no other script runs one under this name. For what is installed into $tools,
# which several scripts share.
alone() {
  local lock=$tools/.$1.installing owner
  shift
  mkdir -p "$tools"
  # A symbolic link is made in one step, with the number of its process as its target.
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

# venv NAME REQUIREMENTS: a virtual environment in $tools, made once and again when the requirements change.
venv() {
  cmp -s "$2" "$tools/$1/requirements.txt" || alone "$1" make_venv "$@"
}

make_venv() {
  local folder=$tools/$1 requirements=$2
  # Another script may have made it in the meantime.
  if ! cmp -s "$requirements" "$folder/requirements.txt"; then
    python3 -m venv --clear "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$folder/requirements.txt"
  fi
}
