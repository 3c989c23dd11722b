#!/usr/bin/env bash
# Runs a real destroy, with and without permission. It needs no network and takes a few seconds.
set -euo pipefail

fixture=$(cd "$(dirname "$0")/fixtures/guarded" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TF_DATA_DIR=$work/data

run() { # verb, arguments
  terraform -chdir="$fixture" "$1" -input=false -no-color -auto-approve -state="$work/state" "${@:2}" >"$work/log" 2>&1
}
fail() {
  echo "destroy-guard: $1" >&2
  cat "$work/log" >&2
  exit 1
}
# Counts the resources with data and their users, without the guards.
left() { terraform -chdir="$fixture" state list -state="$work/state" | grep -cv '^module\.guard' || true; }

terraform -chdir="$fixture" init -input=false -no-color >/dev/null
run apply || fail "the apply failed"

if run destroy; then fail "a destroy went through without permission"; fi
grep -q "Set allow_destroy = true, apply, and destroy again" "$work/log" || fail "the refusal does not say what to do"
[ "$(left)" = 2 ] || fail "a refused destroy removed something"

if run destroy -var allow_destroy=true; then fail "permission counted before it was applied"; fi
[ "$(left)" = 2 ] || fail "a refused destroy removed something"

if run destroy -target=terraform_data.kafka; then fail "a destroy of one resource went round the guard"; fi
[ "$(left)" = 2 ] || fail "a refused destroy of one resource removed something"

if run apply -var own_kafka=false; then fail "an apply took the cluster away without permission"; fi
[ "$(left)" = 2 ] || fail "a refused apply removed something"

run apply -var allow_destroy=true || fail "the permission could not be applied"
run destroy -var allow_destroy=true || fail "an allowed destroy was refused"
[ "$(left)" = 0 ] || fail "an allowed destroy left something"
echo "destroy-guard: a destroy without permission removes nothing; with it, everything"
