# Sourced by scripts/deploy: new versions are tested before they serve, and the old ones serve after a failure.
# shellcheck shell=bash
# shellcheck disable=SC2154 # root, region, work, pinned and the values of the options are set by scripts/deploy and deploy-steps.sh

# What serves before the apply. Terraform holds `live` at these versions until the new ones are tested.
note_serving() {
  terraform_here output -json >"$work/stack.json"
  # shellcheck disable=SC2034 # for plan
  held=$(delivery note --stack "$work/stack.json" --region "$region" --before "$work/before.json") ||
    fail "it cannot be seen what serves now" "see above: whoever deploys needs the permissions of terraform/deployer"
}

# The old versions serve again, or they still do. A function that is new has none.
go_back() {
  echo "error: $1" >&2
  delivery restore --stack "$work/stack.json" --before "$work/before.json" ||
    fail "not every function went back" "see above, and run scripts/rollback"
  fail "the deployment failed: the versions above serve" "$2"
}

test_new_versions() {
  delivery test --stack "$work/stack.json" --held "$pinned" ||
    go_back "the smoke test failed" "see the log of the function (headwater logs), correct it and run scripts/deploy again"
}

# Only the aliases move: what else there is was applied, and was shown before it.
serve_new_versions() {
  local settings_given changes=0
  settings_of_terraform
  terraform_here plan -refresh=false -detailed-exitcode -out="$work/aliases" "${settings_given[@]}" >"$work/aliases.txt" 2>&1 || changes=$?
  case $changes in
    0) return 0 ;;
    2) ;;
    *)
      cat "$work/aliases.txt" >&2
      go_back "the aliases cannot be planned" "correct what Terraform says and run scripts/deploy again"
      ;;
  esac
  terraform_here show -json "$work/aliases" >"$work/aliases.json"
  if ! "$root/scripts/plan-guard" --only-aliases "$work/aliases.json" || ! terraform_here apply -input=false "$work/aliases"; then
    go_back "the new versions could not begin to serve" "correct what is said above and run scripts/deploy again"
  fi
}

verify_and_watch() {
  if [ -n "$verify" ] && ! delivery verify --stack "$work/stack.json"; then
    go_back "the data does not agree" "docs/runbook.md says what to do about each finding; then run scripts/deploy again"
  fi
  delivery watch --stack "$work/stack.json" --before "$work/before.json" --for "$watch" ||
    go_back "an alarm began to ring after the new versions served" "see the alarm in docs/runbook.md, correct the cause and run scripts/deploy again"
}

keep_release() {
  local commit
  commit=$(git -C "$root" describe --always --abbrev=40 --dirty --exclude='*' 2>/dev/null) || commit=unknown
  delivery record --stack "$work/stack.json" --commit "$commit" ||
    fail "the new versions serve, and could not be recorded as a release" "see above; scripts/rollback does not know this release until scripts/deploy ran again"
}
