# Sourced by scripts/test and scripts/check: runs named parts. A failed part does not stop the others. The run succeeds
# only if all parts do.
# shellcheck shell=bash

# Each part has its own process group, so that an interrupted run leaves no processes behind.
set -m
parts=$(mktemp -d "${TMPDIR:-/tmp}/headwater-parts.XXXXXX")

# Starts a part in a subshell, so that `set -e` ends only that part.
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

# part NAME COMMAND...: runs a part and waits for it. `succeeded NAME` tells the result.
part() {
  printf '\n== %s\n' "$1"
  launch "$@"
  wait "$(cat "$parts/$1.pid")" || true
}

# begin NAME COMMAND...: starts a part in the background. Its output is kept until `collect`.
begin() {
  launch "$@" >"$parts/$1.log" 2>&1
}

# collect NAME...: waits for background parts and prints the output of each in one piece.
collect() {
  local name
  for name in "$@"; do
    [ -f "$parts/$name.pid" ] || continue
    wait "$(cat "$parts/$name.pid")" || true
    printf '\n== %s\n' "$name"
    cat "$parts/$name.log"
  done
}

# collect_faults NAME...: like collect, but prints nothing for a part that succeeded.
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

# Prints the table of all parts. Fails unless every part succeeded or was skipped (status 77).
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
  printf '%-28s %8s\n' "total" "$SECONDS"
  return "$all"
}

# Ends the parts that still run.
end_parts() {
  local pid
  for pid in "$parts"/*.pid; do
    [ -f "${pid%.pid}.end" ] || kill -- "-$(cat "$pid")" 2>/dev/null || true
  done
  rm -rf "$parts"
}
