//! Runs Terraform for the local stack (terraform/environments/local).

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{
    layout::Layout,
    outputs::Outputs,
    queues,
    record::{LocalStack, aws_variables},
    requirements,
    unheard::Unheard,
};
use crate::{failure::failure, progress::Step};

/// Largest number of applies. After an import, the next apply may find another resource that must be imported.
const MOST_IMPORTS: u32 = 5;

/// Hash of all inputs of an apply: Terraform files, the Spark job, pipeline files, functions' zips and variables. If it
/// is the same as at the last apply, the apply can be skipped (see `applied`).
pub(crate) fn fingerprint(layout: &Layout, stack: &LocalStack) -> anyhow::Result<String> {
    let mut hasher = DefaultHasher::new();
    for dir in ["terraform/environments/local", "terraform/modules"] {
        hash_folder(&layout.checkout.join(dir), &mut hasher)?;
    }
    hash_folder(&layout.checkout.join("emr/forecast_72"), &mut hasher)?;
    hash_folder(&stack.pipelines, &mut hasher)?;
    hash_folder(&layout.artifacts(), &mut hasher)?;
    variables(layout, stack).to_string().hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

/// Hashes the paths and contents of all files below a folder, in sorted order. Hidden files are left out.
fn hash_folder(dir: &Path, hasher: &mut DefaultHasher) -> anyhow::Result<()> {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir)
        .with_context(|| format!("cannot read {}", dir.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')))
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            hash_folder(&path, hasher)?;
        } else {
            path.hash(hasher);
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?.hash(hasher);
        }
    }
    Ok(())
}

/// Values of the variables of terraform/environments/local.
fn variables(layout: &Layout, stack: &LocalStack) -> Value {
    json!({
        "endpoint": stack.endpoint,
        "functions_endpoint": stack.functions_endpoint(),
        "region": stack.region,
        "kafka_bootstrap_servers": stack.kafka(),
        "database_url": stack.database_url,
        "artifacts_dir": layout.artifacts(),
        "pipelines_dir": stack.pipelines,
        "architecture": if std::env::consts::ARCH == "aarch64" { "arm64" } else { "x86_64" },
        "schedules_enabled": stack.live,
        "existing_dead_letter_queues": queues::FED,
        "forecast": { "url": stack.forecast_url() },
    })
}

/// Runs `terraform init` and `terraform apply`, and returns the outputs.
///
/// If the apply fails because resources already exist, they are imported and the apply is repeated. This is not done
/// for an emulator given with `--endpoint`: its resources may belong to others.
pub(crate) fn apply(layout: &Layout, stack: &LocalStack, step: &Step) -> anyhow::Result<Outputs> {
    let folder = layout.terraform();
    let variables_file = folder.join("stack.tfvars.json");
    fs::write(&variables_file, serde_json::to_vec_pretty(&variables(layout, stack))?)
        .with_context(|| format!("cannot write {}", variables_file.display()))?;
    let terraform = Terraform::find(layout, stack)?;
    step.now("init");
    terraform.run(&["init", "-input=false", "-no-color"].map(OsString::from), "terraform init", |_| {})?;
    let state = folder.join("terraform.tfstate");
    let mut args: Vec<OsString> =
        ["apply", "-json", "-auto-approve", "-input=false", "-parallelism=30"].map(OsString::from).to_vec();
    let files = [
        OsString::from(format!("-state={}", state.display())),
        OsString::from(format!("-var-file={}", variables_file.display())),
    ];
    args.extend_from_slice(&files);
    for round in 1.. {
        let mut unheard = Vec::new();
        let applied = terraform.apply(&args, step, &mut unheard);
        if applied.is_ok() || unheard.is_empty() || stack.foreign_emulator || round == MOST_IMPORTS {
            applied?;
            break;
        }
        // Only this stack uses the emulator. So a resource that is not in the state was created by a call of an earlier
        // apply whose answer was lost.
        for Unheard { address, id } in &unheard {
            step.now(format!("importing {address}"));
            let mut import: Vec<OsString> =
                ["import", "-input=false", "-no-color"].map(OsString::from).to_vec();
            import.extend_from_slice(&files);
            import.extend([address.into(), id.into()]);
            terraform.run(&import, "terraform import", |_| {})?;
        }
    }
    outputs(&state)
}

/// Reads the outputs from the state file, which saves a start of Terraform.
fn outputs(state: &Path) -> anyhow::Result<Outputs> {
    let bytes = fs::read(state).with_context(|| format!("cannot read {}", state.display()))?;
    let state: Value = serde_json::from_slice(&bytes).context("Terraform's state is not JSON")?;
    let values: serde_json::Map<String, Value> = state["outputs"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, output)| (name.clone(), output["value"].clone()))
        .collect();
    serde_json::from_value(Value::Object(values))
        .context("the outputs of terraform/environments/local are not as expected")
}

/// Terraform's program with its folder, log and environment.
struct Terraform {
    program: PathBuf,
    folder: PathBuf,
    log: PathBuf,
    env: Vec<(String, OsString)>,
    drop_cli_config: bool,
}

impl Terraform {
    fn find(layout: &Layout, stack: &LocalStack) -> anyhow::Result<Self> {
        let mut env: Vec<(String, OsString)> = aws_variables(&stack.endpoint, &stack.region)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), OsString::from(value)))
            .collect();
        env.push(("TF_DATA_DIR".to_owned(), layout.terraform().join("working").into_os_string()));
        env.push(("TF_IN_AUTOMATION".to_owned(), "1".into()));
        env.push(("CHECKPOINT_DISABLE".to_owned(), "1".into()));
        // Terraform starts the provider three times, and each start builds all schemas. With Go's default GOGC, a third
        // of a plan's processor time is garbage collection.
        if env::var_os("GOGC").is_none() {
            env.push(("GOGC".to_owned(), "400".into()));
        }
        let configuration = cli_configuration(layout)?;
        let drop_cli_config = configuration.is_empty();
        env.extend(configuration);
        Ok(Self {
            program: requirements::terraform()?,
            folder: layout.checkout.join("terraform/environments/local"),
            log: layout.logs().join("terraform.log"),
            env,
            drop_cli_config,
        })
    }

    /// Runs `terraform apply`. Resources that it could not create because they already exist are added to `unheard`.
    fn apply(&self, args: &[OsString], step: &Step, unheard: &mut Vec<Unheard>) -> anyhow::Result<()> {
        let (mut done, mut total) = (0_u64, 0_u64);
        step.now("comparing");
        self.run(args, "terraform apply", |message| match message["type"].as_str() {
            Some("planned_change") => total += 1,
            Some("apply_complete") => {
                done += 1;
                step.now(format!("{done} of {total} resources"));
            }
            Some("diagnostic") => unheard.extend(Unheard::of(&message["diagnostic"])),
            _ => {}
        })
    }

    /// Runs Terraform and passes each JSON message to `watch`. All output is appended to the log. If it fails, the
    /// error lists the first five diagnostics, or the end of the log if there are none.
    fn run(&self, args: &[OsString], what: &str, mut watch: impl FnMut(&Value)) -> anyhow::Result<()> {
        let mut log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("cannot write {}", self.log.display()))?;
        let mut command = Command::new(&self.program);
        command.arg(format!("-chdir={}", self.folder.display())).args(args).stdin(Stdio::null());
        if self.drop_cli_config && dangling_cli_config() {
            command.env_remove("TF_CLI_CONFIG_FILE");
        }
        for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_PROFILE"] {
            command.env_remove(name);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdout(Stdio::piped()).stderr(log.try_clone().context("cannot share the log file")?);
        let mut child = command.spawn().context("cannot run terraform")?;
        let stdout = child.stdout.take().context("cannot read terraform's output")?;
        let mut errors: Vec<String> = Vec::new();
        for line in BufReader::new(stdout).lines() {
            let line = line.context("cannot read terraform's output")?;
            writeln!(log, "{line}").ok();
            let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
            if message["type"] == "diagnostic" && message["diagnostic"]["severity"] == "error" {
                let part = |name: &str| {
                    message["diagnostic"][name].as_str().unwrap_or_default().trim().replace('\n', " ")
                };
                errors.push(format!("{}: {} {}", part("address"), part("summary"), part("detail")));
            }
            watch(&message);
        }
        let status = child.wait().context("cannot wait for terraform")?;
        if status.success() {
            return Ok(());
        }
        errors.truncate(5);
        let reasons = if errors.is_empty() { tail(&self.log) } else { errors.join("\n  ") };
        Err(failure(
            format!("{what} failed:\n  {reasons}"),
            format!("see {}, then run `headwater up` again", self.log.display()),
        ))
    }
}

/// The last eight lines of the log that are more than the frame which Terraform draws around errors.
fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let mut lines: Vec<&str> =
        text.lines().filter(|line| !line.trim_matches(['│', '╷', '╵', ' ']).is_empty()).collect();
    lines.split_off(lines.len().saturating_sub(8)).join("\n  ")
}

/// Environment variables that configure Terraform's command line: a provider mirror if this machine has one, else a
/// cache, so that the provider is downloaded once for all stacks. Empty if the user has a CLI configuration of their
/// own.
pub(crate) fn cli_configuration(layout: &Layout) -> anyhow::Result<Vec<(String, OsString)>> {
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let given = env::var_os("TF_CLI_CONFIG_FILE").is_some_and(|file| Path::new(&file).is_file());
    if given || home.join(".terraformrc").is_file() {
        return Ok(Vec::new());
    }
    fs::create_dir_all(&layout.tools).with_context(|| format!("cannot create {}", layout.tools.display()))?;
    let Some(mirror) = provider_mirror(&home) else {
        let cache = layout.tools.join("terraform-providers");
        fs::create_dir_all(&cache).with_context(|| format!("cannot create {}", cache.display()))?;
        return Ok(vec![("TF_PLUGIN_CACHE_DIR".to_owned(), cache.into_os_string())]);
    };
    let file = layout.tools.join("terraform.rc");
    let text = format!(
        "provider_installation {{\n  filesystem_mirror {{\n    path    = \"{}\"\n    include = [\"registry.terraform.io/hashicorp/*\"]\n  }}\n  direct {{\n    exclude = [\"registry.terraform.io/hashicorp/*\"]\n  }}\n}}\n",
        mirror.display()
    );
    if fs::read_to_string(&file).ok().as_deref() != Some(&text) {
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(vec![("TF_CLI_CONFIG_FILE".to_owned(), file.into_os_string())])
}

/// Whether `TF_CLI_CONFIG_FILE` names a missing file. Terraform would print a warning at every call.
fn dangling_cli_config() -> bool {
    env::var_os("TF_CLI_CONFIG_FILE").is_some_and(|file| !Path::new(&file).is_file())
}

/// Finds a folder that contains `registry.terraform.io/hashicorp/aws`: `TF_PLUGIN_MIRROR`, or at most two levels below
/// the usual places. If `TF_PLUGIN_MIRROR` is set, no other folder counts.
fn provider_mirror(home: &Path) -> Option<PathBuf> {
    let holds = |dir: &Path| dir.join("registry.terraform.io/hashicorp/aws").is_dir();
    if let Some(named) = env::var_os("TF_PLUGIN_MIRROR").map(PathBuf::from) {
        return holds(&named).then_some(named);
    }
    let roots = [PathBuf::from("/opt"), "/usr/share".into(), "/usr/local/share".into(), home.to_path_buf()];
    roots.iter().find_map(|root| {
        let children = fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
        std::iter::once(root.clone())
            .chain(children.flat_map(|child| {
                let nested = child.join("providers");
                let plugins = child.join("plugins");
                [child, nested, plugins]
            }))
            .find(|dir| holds(dir))
    })
}
