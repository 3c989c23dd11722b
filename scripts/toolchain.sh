# Sourced by the other scripts: checks the tools that a build needs. `headwater` itself checks all others.
# shellcheck shell=bash

have_toolchain() {
  command -v cargo >/dev/null && command -v cc >/dev/null
}

require_toolchain() {
  if ! command -v cargo >/dev/null; then
    echo "error: Rust (cargo) is missing" >&2
    echo "fix: install it from https://rustup.rs, then open a new shell" >&2
    exit 1
  fi
  if ! command -v cc >/dev/null; then
    echo "error: a C compiler (cc) is missing" >&2
    echo "fix: install one (Debian/Ubuntu: apt-get install build-essential; macOS: xcode-select --install)" >&2
    exit 1
  fi
}

# Builds the whole workspace in one call, as `headwater up` does. With another selection of packages, cargo would unify
# other features and compile the dependencies again.
build_all() {
  (cd "$1" && cargo build --release --workspace --bins --quiet)
}
