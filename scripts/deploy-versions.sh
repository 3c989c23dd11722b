# Sourced by scripts/deploy: tests new versions before they go live, and restores the old versions after a failure.
# shellcheck shell=bash
# shellcheck disable=SC2154 # root, region, work, pinned and the values of the options are set by scripts/deploy and deploy-steps.sh

# Records the versions that serve before the apply. Terraform keeps `live` at these versions until the new ones are
# tested.
note_serving() {
  terraform_here output -json >"$work/stack.json"
  # shellcheck disable=SC2034 # for plan
  held=$(delivery note --stack "$work/stack.json" --region "$region" --before "$work/before.json") ||
    fail "the current versions cannot be read" "see above: the caller needs the permissions of terraform/deployer"
}

# Restores the old versions, if they do not still serve. A new function has no old version.
go_back() {
  echo "error: $1" >&2
  delivery restore --stack "$work/stack.json" --before "$work/before.json" ||
    fail "not every function was rolled back" "see above, and run scripts/rollback"
  fail "the deployment failed: the versions above serve now" "$2"
}

test_new_versions() {
  delivery test --stack "$work/stack.json" --held "$pinned" ||
    go_back "the smoke test failed" "see the log of the function (headwater logs), correct it and run scripts/deploy again"
}

# Moves only the aliases. All other changes were shown and applied before.
serve_new_versions() {
  local settings_given changes=0
  settings_of_terraform
  terraform_here plan -refresh=false -detailed-exitcode -out="$work/aliases" "${settings_given[@]}" >"$work/aliases.txt" 2>&1 || changes=$?
  case $changes in
    0) return 0 ;;
    2) ;;
    *)
      cat "$work/aliases.txt" >&2
      go_back "the move of the aliases cannot be planned" "correct the error that Terraform prints and run scripts/deploy again"
      ;;
  esac
  terraform_here show -json "$work/aliases" >"$work/aliases.json"
  if ! "$root/scripts/plan-guard" --only-aliases "$work/aliases.json" || ! terraform_here apply -input=false "$work/aliases"; then
    go_back "the aliases could not be moved to the new versions" "correct the error above and run scripts/deploy again"
  fi
}

verify_and_watch() {
  if [ -n "$verify" ] && ! delivery verify --stack "$work/stack.json"; then
    go_back "headwater verify found differences" "see docs/runbook.md for each finding; then run scripts/deploy again"
  fi
  delivery watch --stack "$work/stack.json" --before "$work/before.json" --for "$watch" ||
    go_back "an alarm went off after the new versions went live" "see the alarm in docs/runbook.md, correct the cause and run scripts/deploy again"
}

keep_release() {
  local commit
  commit=$(git -C "$root" describe --always --abbrev=40 --dirty --exclude='*' 2>/dev/null) || commit=unknown
  delivery record --stack "$work/stack.json" --commit "$commit" ||
    fail "the new versions serve, but they could not be recorded as a release" "see above; until scripts/deploy runs again, scripts/rollback does not know this release"
}
