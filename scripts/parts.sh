# Sourced by scripts/test and scripts/check: a run is made of parts. A part that fails stops no other; the run's status is that of all.
# shellcheck shell=bash

# Each part has a process group of its own, so that an interrupted run leaves nothing behind.
set -m
parts=$(mktemp -d "${TMPDIR:-/tmp}/headwater-parts.XXXXXX")

# In a subshell of its own, so that `set -e` ends the part where a command of it fails.
launch() {
  local name=$1
  shift
  echo "$name" >>"$parts/names"
  (
    set -e
    # shellcheck disable=SC2064 # expanded now: when the trap runs, this function's names are gone
    trap "echo \"\$? \$((SECONDS - $SECONDS))\" >'$parts/$name.end'" EXIT
    "$@"
  ) </dev/null &
  echo $! >"$parts/$name.pid"
}

# part NAME COMMAND...: runs it and waits; its status is succeeded NAME.
part() {
  printf '\n== %s\n' "$1"
  launch "$@"
  wait "$(cat "$parts/$1.pid")" || true
}

# begin NAME COMMAND...: runs it beside what follows, and keeps its output until it is collected.
begin() {
  launch "$@" >"$parts/$1.log" 2>&1
}

# collect NAME...: waits for parts that were begun, and prints the output of each as one piece.
collect() {
  local name
  for name in "$@"; do
    [ -f "$parts/$name.pid" ] || continue
    wait "$(cat "$parts/$name.pid")" || true
    printf '\n== %s\n' "$name"
    cat "$parts/$name.log"
  done
}

# collect_faults NAME...: as collect, but a part that succeeded prints nothing.
collect_faults() {
  local name
  for name in "$@"; do
    [ -f "$parts/$name.pid" ] || continue
    wait "$(cat "$parts/$name.pid")" || true
    succeeded "$name" || collect "$name"
  done
}

succeeded() {
  [ "$(cut -d ' ' -f 1 "$parts/$1.end" 2>/dev/null)" = 0 ]
}

# The table of all parts; fails unless every one succeeded or, with status 77, was skipped.
summary() {
  local name status seconds all=0
  printf '\n%-28s %8s  %s\n' part seconds result
  while read -r name; do
    status="not finished" seconds=-
    if [ -f "$parts/$name.end" ]; then
      read -r status seconds <"$parts/$name.end"
    fi
    case $status in
      0) status=ok ;;
      77) status=skipped ;;
      [0-9]*) status="FAILED ($status)" all=1 ;;
      *) all=1 ;;
    esac
    printf '%-28s %8s  %s\n' "$name" "$seconds" "$status"
  done <"$parts/names"
  printf '%-28s %8s\n' "all, with waiting" "$SECONDS"
  return "$all"
}

# Ends what still runs.
end_parts() {
  local pid
  for pid in "$parts"/*.pid; do
    [ -f "${pid%.pid}.end" ] || kill -- "-$(cat "$pid")" 2>/dev/null || true
  done
  rm -rf "$parts"
}
