//! Builds the functions, strips their symbols, and zips each binary as `bootstrap`. Unchanged binaries are not zipped
//! again.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::Context as _;
use function_runner::Code;

use super::{layout::Layout, requirements};
use crate::{failure::failure, progress::Step};

/// Largest zip of a function in bytes. The limit is ours: a larger zip makes cold starts slower. The build for AWS is
/// optimized at link time and therefore smaller than this one.
const LARGEST_ZIP: usize = 14 << 20;

/// Zips every function and returns how many zips changed. With `build`, builds the workspace first; without, uses the
/// binaries of an earlier build, or the zips where the binaries are gone.
///
/// # Errors
/// The build fails; without `build`, a function has neither binary nor zip; a zip is larger than [`LARGEST_ZIP`].
pub(crate) fn prepare(layout: &Layout, build: bool, step: &Step) -> anyhow::Result<usize> {
    let names = names(layout)?;
    let binaries = if build { build_all(layout, step)? } else { built_before(layout, &names) };
    let mut changed = 0;
    for name in &names {
        let zip = layout.artifacts().join(format!("{name}.zip"));
        match binaries.get(name) {
            Some(binary) => changed += usize::from(pack(layout, name, binary, &zip)?),
            None if zip.is_file() => {}
            None => {
                return Err(failure(
                    format!("function {name} was never built"),
                    "run `headwater up` once without --no-build",
                ));
            }
        }
    }
    Ok(changed)
}

/// Names of the functions, sorted: the folders below `functions/` that have a `Cargo.toml`.
pub(crate) fn names(layout: &Layout) -> anyhow::Result<Vec<String>> {
    let folder = layout.checkout.join("functions");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .flatten()
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    Ok(names)
}

/// Builds the workspace in release mode. Returns the path of each binary by its name. Cargo's messages go to
/// `build.log`; if the build fails, the error quotes the first six lines that begin with `error`.
fn build_all(layout: &Layout, step: &Step) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut command = Command::new(requirements::cargo()?);
    // Builds the whole workspace, as scripts/headwater does. With another selection of packages, cargo would unify
    // features differently and compile the dependencies again.
    command.current_dir(&layout.checkout).args(["build", "--release", "--workspace", "--bins"]);
    command.arg("--message-format=json-render-diagnostics");
    let errors = layout.logs().join("build.log");
    let log = File::create(&errors).with_context(|| format!("cannot write {}", errors.display()))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .context("cannot run cargo")?;
    let mut binaries = BTreeMap::new();
    let stdout = child.stdout.take().context("cannot read cargo's output")?;
    let mut done = 0;
    for line in BufReader::new(stdout).lines() {
        let Ok(message) =
            serde_json::from_str::<serde_json::Value>(&line.context("cannot read cargo's output")?)
        else {
            continue;
        };
        if message["reason"] != "compiler-artifact" {
            continue;
        }
        done += 1;
        step.now(format!("building: {done} units"));
        if let (Some(name), Some(path)) = (message["target"]["name"].as_str(), message["executable"].as_str())
        {
            binaries.insert(name.to_owned(), PathBuf::from(path));
        }
    }
    let status = child.wait().context("cannot wait for cargo")?;
    if !status.success() {
        let text = fs::read_to_string(&errors).unwrap_or_default();
        let reasons: Vec<&str> = text.lines().filter(|line| line.starts_with("error")).take(6).collect();
        return Err(failure(
            format!("the functions do not build:\n  {}", reasons.join("\n  ")),
            format!("see {}", errors.display()),
        ));
    }
    Ok(binaries)
}

/// The release binaries of an earlier build, by function. Functions without one are left out.
fn built_before(layout: &Layout, names: &[String]) -> BTreeMap<String, PathBuf> {
    let target = requirements::cargo().ok().and_then(|cargo| {
        let output = Command::new(cargo)
            .current_dir(&layout.checkout)
            .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
            .output()
            .ok()?;
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
        Some(PathBuf::from(metadata["target_directory"].as_str()?))
    });
    let target = target.unwrap_or_else(|| layout.checkout.join("target"));
    names
        .iter()
        .map(|name| (name.clone(), target.join("release").join(name)))
        .filter(|(_, binary)| binary.is_file())
        .collect()
}

/// Zips one binary, and returns whether the zip changed. `NAME.from` beside the zip holds the hash of the binary that
/// the zip was made of; if it is the same, the zip stays. The same binary always gives the same zip.
fn pack(layout: &Layout, name: &str, binary: &Path, zip: &Path) -> anyhow::Result<bool> {
    let bytes = fs::read(binary).with_context(|| format!("cannot read {}", binary.display()))?;
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let print = format!("{:016x}", hasher.finish());
    let mark = layout.artifacts().join(format!("{name}.from"));
    if zip.is_file() && fs::read_to_string(&mark).is_ok_and(|text| text == print) {
        return Ok(false);
    }
    let stripped = stripped(layout, name, binary).unwrap_or(bytes);
    let draft = zip.with_extension("zip.new");
    let packed = Code::pack(&stripped).with_context(|| format!("cannot zip {name}"))?;
    let size = packed.len();
    if size > LARGEST_ZIP {
        return Err(failure(
            format!("the zip of {name} has {size} bytes, more than {LARGEST_ZIP}"),
            "look for large dependencies: cargo tree -p PACKAGE -e normal",
        ));
    }
    fs::write(&draft, packed).with_context(|| format!("cannot write {}", draft.display()))?;
    fs::rename(&draft, zip).with_context(|| format!("cannot write {}", zip.display()))?;
    fs::write(&mark, print).with_context(|| format!("cannot write {}", mark.display()))?;
    Ok(true)
}

/// The binary without symbols. `None` if the machine has no `strip` or it fails: the binary is then zipped as it is.
fn stripped(layout: &Layout, name: &str, binary: &Path) -> Option<Vec<u8>> {
    let draft = layout.artifacts().join(format!("{name}.stripped"));
    let status = Command::new("strip").arg("-o").arg(&draft).arg(binary).output().ok()?.status;
    let bytes = status.success().then(|| fs::read(&draft).ok()).flatten();
    fs::remove_file(&draft).ok();
    bytes
}
