# Sourced by scripts/deploy: its steps, in order. scripts/rollback and scripts/bootstrap use some of them.
# shellcheck shell=bash
# shellcheck disable=SC2154 # root, environment, settings, work and the values of the options are the caller's

# fail PROBLEM FIX: prints both and exits with status 1.
fail() {
  printf 'error: %s\nfix: %s\n' "$1" "$2" >&2
  exit 1
}

# Prints the cost of a profile, or of a plan (--plan FILE), with the headwater command. If that is not built yet, it
# prints the sum of the profile's amounts in terraform/prices.json.
cost() {
  local command=${HEADWATER_BIN:-${CARGO_TARGET_DIR:-$root/target}/release/headwater}
  if [ -x "$command" ]; then
    "$command" cost "$@"
    return
  fi
  python3 - "$root/terraform/prices.json" "$profile" <<'PYTHON'
import json, sys

with open(sys.argv[1], encoding="utf-8") as file:
    listed = json.load(file)
total = 0
for name, amount in listed["profiles"][sys.argv[2]].items():
    price = listed["prices"][name]
    hours = listed["hours"] if price["per"] == "hour" else 1
    total += max(amount - price.get("free", 0), 0) * price["usd"] * hours
print(f"Profile {sys.argv[2]}: ${total:.0f} a month without records, with the profile's sizes.")
PYTHON
  echo "  The headwater command is not built. For the single items: scripts/headwater cost $*"
}

absolute() {
  case $1 in
    /*) echo "$1" ;;
    *) echo "$PWD/$1" ;;
  esac
}

ask() {
  [ -z "$yes" ] || return 0
  [ -t 0 ] || fail "there is no terminal for the question \"$1\"" "confirm in advance with --yes"
  local answer
  read -r -p "$1 [y/N] " answer
  case $answer in
    y | Y | yes) ;;
    *) echo "Stopped. Nothing more is changed." && exit 0 ;;
  esac
}

terraform_here() {
  terraform -chdir="$environment" "$@"
}

# The steps that Terraform does not do.
delivery() {
  PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$root/scripts python3 -m delivery "$@"
}

# ---- Before any change ----------------------------------------------------------------------------------------------

require_tools() {
  local version
  command -v terraform >/dev/null ||
    fail "Terraform is missing" "install Terraform 1.11 or later: https://developer.hashicorp.com/terraform/install"
  command -v python3 >/dev/null || fail "Python 3 is missing" "install Python 3.11 or later"
  version=$(terraform version -json | python3 -c 'import json, sys; print(json.load(sys.stdin)["terraform_version"])')
  case $version in
    0.* | 1.[0-9].* | 1.10.*) fail "Terraform $version is too old" "install Terraform 1.11 or later: https://developer.hashicorp.com/terraform/install" ;;
  esac
  command -v aws >/dev/null ||
    fail "the AWS command line (aws) is missing" "install it: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
}

require_build_tools() {
  require_toolchain
  if [ "$architecture" = arm64 ] && command -v rustup >/dev/null && ! rustup target list --installed | grep -qx aarch64-unknown-linux-gnu; then
    fail "Rust cannot build for arm64 yet" "rustup target add aarch64-unknown-linux-gnu"
  fi
}

# Reads the settings with Terraform's console, in a folder with the environment's variables but without its resources.
read_settings() {
  local auto=$environment/terraform.tfvars values file
  local profile_of='coalesce(var.profile, var.environment == "prod" ? "prod" : "dev")' host_of=false
  [ -f "$settings" ] ||
    fail "there is no settings file $settings" "cp $auto.example $settings, and edit it"
  if [ "$settings" != "$auto" ] && [ -f "$auto" ]; then
    fail "Terraform reads $auto too, besides $settings" "move one of the two: Terraform would mix the settings of both"
  fi
  mkdir "$work/settings"
  cp "$environment"/variables*.tf "$work/settings/"
  [ ! -f "$auto" ] || cp "$auto" "$work/settings/"
  for file in "$environment"/*.auto.tfvars; do [ ! -f "$file" ] || cp "$file" "$work/settings/"; done

  # An environment without variables_host.tf has no host.
  [ ! -f "$environment/variables_host.tf" ] || host_of="coalesce(var.host.enabled, $profile_of == \"prod\")"
  echo "join(\" \", [var.region, var.name, var.environment, $profile_of, $host_of, var.architecture, var.existing_kafka == null, var.existing_database == null, \"held:\${join(\",\", keys(var.held_versions))}\"])" \
    >"$work/expression"
  # The console always exits with 0 and prints errors beside the answer. The answer is a line in quotes.
  terraform -chdir="$work/settings" console -no-color -var artifacts_dir=x -var-file="$settings" \
    <"$work/expression" >"$work/console" 2>&1 || true
  values=$(sed -n 's/^"\(.*\)"$/\1/p' "$work/console" | tail -1)
  if grep -q '^Error' "$work/console" || [ "$(wc -w <<<"$values")" -ne 9 ]; then
    cat "$work/console" >&2
    fail "$settings cannot be read" "correct the error that Terraform prints above; settings without a default must be set (region)"
  fi
  # For Terraform, an unknown name is only a warning, and the setting keeps its default.
  if grep -q 'for undeclared variable' "$work/console"; then
    cat "$work/console" >&2
    fail "$settings sets a variable that does not exist" "correct the name; all variables are in $environment/README.md"
  fi
  read -r region name stage profile host architecture makes_kafka makes_database pinned <<<"$values"
  pinned=${pinned#held:}
}

require_credentials() {
  account=$(aws sts get-caller-identity --region "$region" --query Account --output text 2>"$work/credentials") || {
    cat "$work/credentials" >&2
    fail "AWS does not accept the credentials" "choose a profile (export AWS_PROFILE=…) and sign in (aws sso login, or aws configure); check that region = \"$region\" exists and is enabled in the account"
  }
}

explain() {
  local quota first="most of an hour the first time, because of the MSK cluster" what="S3 buckets, Lambda functions, queues, alarms"
  if [ "$makes_kafka" = true ]; then what="an MSK cluster, $what"; else first="some ten minutes the first time"; fi
  if [ "$makes_database" = true ]; then what="an RDS Postgres, $what"; fi
  if [ "$host" = true ]; then what="$what, an EC2 host"; fi

  echo "Deployment $name-$stage in $region, account $account, profile $profile."
  echo
  echo "Makes:  $what."
  [ -n "$artifacts" ] || echo "Build:  some 25 minutes on 2 cores the first time, for $architecture."
  echo "Apply:  $first; minutes afterwards."
  echo
  cost "$profile"
  [ "$makes_kafka$makes_database" = truetrue ] || echo "  (without the parts that exist already; the plan has the figures for your settings)"
  echo

  quota=$(aws lambda get-account-settings --region "$region" --query AccountLimit.ConcurrentExecutions --output text 2>/dev/null) || quota=unknown
  case $quota in
    ? | ?? | 10[0-9])
      echo "This account may run only $quota invocations at once in $region, so functions throttle each other. Lambda requires"
      echo "100 unreserved invocations, so no function can have reserved_concurrency yet. Request a larger quota, which is free:"
      echo "  aws service-quotas request-service-quota-increase --region $region --service-code lambda --quota-code L-B99A9384 --desired-value 1000"
      echo
      ;;
  esac
}

# ---- The functions ---------------------------------------------------------------------------------------------------

functions() {
  (cd "$root/functions" && echo */ | tr -d /)
}

# Builds into target/zips. Each function is named: without names, cargo-lambda would also pack the headwater command as
# a function. The command is packed only for a host.
build_artifacts() {
  local packages=() package target=${CARGO_TARGET_DIR:-$root/target}
  artifacts=$target/zips
  for package in $(functions); do packages+=(-p "$package"); done
  [ "$host" = false ] || packages+=(-p headwater)
  case $architecture in arm64) packages+=(--arm64) ;; *) packages+=(--x86-64) ;; esac
  (cd "$root" && scripts/cargo-lambda build --release --output-format zip --lambda-dir "$target/lambda" "${packages[@]}")

  mkdir -p "$artifacts"
  for package in $(functions); do cp "$target/lambda/$package/bootstrap.zip" "$artifacts/$package.zip"; done
  if [ "$host" = true ]; then
    cp "$target/lambda/headwater/bootstrap.zip" "$artifacts/headwater.zip"
    "$root/scripts/host-tools" "$artifacts"
  fi
}

check_artifacts() {
  local file files missing=''
  files=$(functions | sed 's/[^ ]*/&.zip/g')
  [ "$host" = false ] || files="$files headwater.zip host-tools.tar.gz"
  for file in $files; do
    [ -f "$artifacts/$file" ] || missing="$missing $file"
  done
  [ -z "$missing" ] || fail "$artifacts lacks$missing" "run again without --artifacts to build them"
}

# ---- The state -------------------------------------------------------------------------------------------------------

# scripts/bootstrap creates the bucket. Account and region determine its name, so all users find the same bucket.
choose_backend() {
  local bucket=headwater-state-$account-$region
  backend=(-backend-config="bucket=$bucket" -backend-config="key=headwater/$name-$stage.tfstate" -backend-config="region=$region")
  # An emulator has no host name per bucket.
  [ -z "${AWS_ENDPOINT_URL:-}" ] || backend+=(-backend-config=use_path_style=true)
  if ! aws s3api head-bucket --region "$region" --bucket "$bucket" --expected-bucket-owner "$account" >/dev/null 2>"$work/bucket"; then
    grep -q 404 "$work/bucket" ||
      fail "the bucket $bucket cannot be used: $(tail -1 "$work/bucket")" "name another bucket with --backend-config"
    [ "$verb" = plan ] ||
      fail "there is no bucket $bucket for Terraform's state" "create it, once per account and region: scripts/bootstrap --region $region"
    # Nothing is deployed yet. The plan starts from an empty state and needs no bucket.
    printf 'terraform {\n  backend "local" {\n    path = "%s/plan.tfstate"\n  }\n}\n' "$work" >"$environment/backend_override.tf"
    export TF_DATA_DIR=$work/terraform
    backend=()
  fi
}

init_terraform() {
  local backend=(-backend-config="$backend_config")
  [ -n "$backend_config" ] || choose_backend
  # -reconfigure: the folder may still point at the state of another deployment.
  terraform_here init -reconfigure -input=false "${backend[@]}" >"$work/init" 2>&1 || {
    cat "$work/init" >&2
    fail "terraform init failed" "see above; without the internet, Terraform needs a provider mirror (TF_CLI_CONFIG_FILE)"
  }
}

# ---- Terraform -------------------------------------------------------------------------------------------------------

settings_of_terraform() {
  settings_given=(-input=false -var-file="$settings" -var "artifacts_dir=$artifacts")
}

plan() {
  local more=() settings_given
  settings_of_terraform
  # A plan alone needs no lock, and so no permission to write one. It may be wrong if another user applies at the same
  # time.
  if [ "$verb" = plan ]; then more=(-lock=false); elif [ "$held" != "{}" ]; then more=(-var "held_versions=$held"); fi
  terraform_here plan -out="$work/plan" "${settings_given[@]}" "${more[@]}"
  terraform_here show -json "$work/plan" >"$work/plan.json"
  cost --plan "$work/plan.json"
  if [ -n "$report" ]; then
    mkdir -p "$report"
    terraform_here show -no-color "$work/plan" >"$report/plan.txt"
    cp "$work/plan.json" "$report/plan.json"
  fi
}

guard_data() {
  if "$root/scripts/plan-guard" "$work/plan.json"; then return 0; fi
  [ -z "$yes" ] || fail "the plan is not applied" "see the list above"
  ask "Lose this data?"
}

apply() {
  # Also records the current versions as a release, if a deployment without records made them. Then scripts/rollback can
  # return to them.
  delivery record --stack "$work/stack.json" --region "$region" ||
    fail "the current versions cannot be recorded as a release" "see above; nothing was changed"
  terraform_here apply -input=false "$work/plan" ||
    fail "the apply did not finish, and the previous versions still serve" "correct the error that Terraform prints and run scripts/deploy again: it continues from here"
  terraform_here output -json >"$work/stack.json"
}

# Prints an output of Terraform: a text, or one line for each entry of a map.
output() {
  terraform_here output -json "$1" | python3 -c '
import json, sys
value = json.load(sys.stdin) or ""
print("\n".join(f"      {key}: {each}" for key, each in value.items()) if isinstance(value, dict) else value)'
}

next_steps() {
  local secret
  secret=$(output telemetry_token_secret)
  echo
  echo "$name-$stage is deployed. Next:"
  echo "  - Confirm the subscriptions in the e-mails from AWS: until then, AWS sends no alarms."
  echo "  - The dashboard: $(output dashboard)"
  echo "  - The addresses:"
  output urls
  if [ -n "$secret" ]; then
    echo "  - The vehicles' token:"
    echo "      aws secretsmanager get-secret-value --region $region --query SecretString --output text --secret-id $secret"
  fi
  echo "  - The live board in a browser:"
  echo "      scripts/headwater board --url \"\$(terraform -chdir=terraform/environments/aws output -json urls | jq -r '.\"live-board\"')\""
  echo "  - All other outputs: terraform -chdir=terraform/environments/aws output"
}

explain_destroy() {
  cat <<TEXT
Removing $name-$stage deletes the Kafka cluster, the database and the buckets with all their data. To prevent mistakes, it
takes two steps:

1. Add this to $settings, then run scripts/deploy:
     allow_destroy = true
   In development, also add force_destroy = true, which deletes buckets with their objects. In production, empty them yourself.
   With final_snapshot = false, RDS takes no final snapshot of the database.
2. terraform -chdir=$environment destroy \\
     -var-file=$settings -var artifacts_dir=/any/folder

These stay: the final snapshot, secrets until the end of their recovery time, and the state bucket headwater-state-ACCOUNT-$region.
TEXT
}
