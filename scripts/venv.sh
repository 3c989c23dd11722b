# Sourced by scripts that need Python packages.
# shellcheck shell=bash

tools=${HEADWATER_TOOLS_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.tools}

# venv NAME REQUIREMENTS: a virtual environment in $tools, made once and again when the requirements change.
venv() {
  local folder=$tools/$1 requirements=$2
  if ! cmp -s "$requirements" "$folder/requirements.txt"; then
    python3 -m venv --clear "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$folder/requirements.txt"
  fi
}
