//! Programs that must be installed on the machine. Each function finds one and checks its version. Its error names the
//! program and says how to install it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;

use super::{emulator::Emulator, layout::Layout};
use crate::failure::{describe, failure};

/// The first executable of that name on the search path (`PATH`).
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(name)).find(|path| is_executable(path))
}

/// Whether the path is a file that this user may execute.
pub(crate) fn is_executable(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file()
}

/// Standard output and standard error of a program, in that order. `None` if it cannot be run or fails.
fn printed(program: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    output.status.success().then(|| {
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    })
}

/// The first version number in a text, as major and minor. A missing minor version is 0: `17` gives `(17, 0)`.
pub(crate) fn version_in(text: &str) -> Option<(u32, u32)> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let number = text[start..].split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let mut parts = number.split('.').map_while(|part| part.parse().ok());
    Some((parts.next()?, parts.next().unwrap_or(0)))
}

/// Finds Java 17 or later, which Kafka requires: in `JAVA_HOME`, else on the search path.
pub(crate) fn java() -> anyhow::Result<PathBuf> {
    const FIX: &str = "install Java 17 or later (Debian/Ubuntu: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk) or set JAVA_HOME";
    let at_home = env::var_os("JAVA_HOME")
        .map(|home| PathBuf::from(home).join("bin/java"))
        .filter(|java| is_executable(java));
    let java = at_home
        .or_else(|| on_path("java"))
        .ok_or_else(|| failure("Java is missing (Kafka runs on it)", FIX))?;
    match printed(&java, &["-version"]).as_deref().and_then(version_in) {
        Some((major, _)) if major >= 17 => Ok(java),
        Some((major, minor)) => {
            Err(failure(format!("Java is too old: {major}.{minor} at {}", java.display()), FIX))
        }
        None => Err(failure(format!("{} does not run", java.display()), FIX)),
    }
}

/// Finds Maven. The version is not checked, because all versions in use can copy dependencies.
pub(crate) fn maven() -> anyhow::Result<PathBuf> {
    on_path("mvn").ok_or_else(|| {
        failure(
            "Maven (mvn) is missing (it fetches Kafka)",
            "install Maven (Debian/Ubuntu: apt-get install maven; macOS: brew install maven)",
        )
    })
}

/// Finds Terraform 1.11 or later.
pub(crate) fn terraform() -> anyhow::Result<PathBuf> {
    const FIX: &str = "install Terraform 1.11 or later: https://developer.hashicorp.com/terraform/install";
    let terraform = on_path("terraform").ok_or_else(|| failure("Terraform is missing", FIX))?;
    let version = Command::new(&terraform)
        .args(["version", "-json"])
        .env_remove("TF_CLI_CONFIG_FILE")
        .output()
        .ok()
        .and_then(|output| serde_json::from_slice::<serde_json::Value>(&output.stdout).ok())
        .and_then(|json| version_in(json.get("terraform_version")?.as_str()?));
    match version {
        Some(version) if version >= (1, 11) => Ok(terraform),
        Some((major, minor)) => {
            Err(failure(format!("Terraform is too old: {major}.{minor} at {}", terraform.display()), FIX))
        }
        None => Err(failure(format!("{} does not run", terraform.display()), FIX)),
    }
}

/// Finds Python 3.11 or later with its venv module.
pub(crate) fn python() -> anyhow::Result<PathBuf> {
    const FIX: &str = "install Python 3.11 or later with its venv module (Debian/Ubuntu: apt-get install python3 python3-venv; macOS: brew install python)";
    let names = ["python3", "python3.14", "python3.13", "python3.12", "python3.11"];
    let found: Vec<PathBuf> = names.iter().filter_map(|name| on_path(name)).collect();
    if found.is_empty() {
        return Err(failure("Python is missing (the AWS emulator runs on it)", FIX));
    }
    let good = |python: &&PathBuf| {
        printed(python, &["-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
            .as_deref()
            .and_then(version_in)
            .is_some_and(|version| version >= (3, 11))
    };
    let python = found
        .iter()
        .find(good)
        .ok_or_else(|| failure(format!("Python is too old ({} is before 3.11)", found[0].display()), FIX))?;
    if printed(python, &["-c", "import venv, ensurepip"]).is_none() {
        return Err(failure(format!("{} cannot make virtual environments", python.display()), FIX));
    }
    Ok(python.clone())
}

/// Environment variable with the path of Python 3.13, if it is not in the usual places.
const PYTHON_313: &str = "HEADWATER_PYTHON313";

/// Python 3.13, the one version that `LocalStack` runs on. Looked for in `HEADWATER_PYTHON313`, on the search path, and
/// in the folders where pyenv and uv keep their versions.
pub(crate) fn python_313() -> anyhow::Result<PathBuf> {
    const FIX: &str = "install Python 3.13 with its venv module (pyenv install 3.13; uv python install 3.13; macOS: brew install python@3.13) or name one with HEADWATER_PYTHON313; or start a Docker daemon; or leave --emulator localstack out";
    if let Some(named) = env::var_os(PYTHON_313).map(PathBuf::from) {
        let missing =
            format!("{PYTHON_313} names {}, which is not Python 3.13 with its venv module", named.display());
        return first_python_313([named]).ok_or_else(|| failure(missing, FIX));
    }
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let pyenv = env::var_os("PYENV_ROOT").map_or_else(|| home.join(".pyenv"), PathBuf::from);
    let kept_apart = [pyenv.join("versions"), home.join(".local/share/uv/python")]
        .into_iter()
        .flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten())
        .map(|version| version.path().join("bin/python3.13"));
    let candidates = ["python3.13", "python3"].into_iter().filter_map(on_path).chain(kept_apart);
    first_python_313(candidates).ok_or_else(|| {
        failure("Python 3.13 is missing (LocalStack runs on it where there is no Docker daemon)", FIX)
    })
}

/// The first candidate that runs, is version 3.13 and has venv. A shim of pyenv may be on the search path although its
/// version is not selected; it fails when it is run.
fn first_python_313(candidates: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    let asked = ["-c", "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"];
    candidates.into_iter().find(|python| {
        is_executable(python) && printed(python, &asked).as_deref().and_then(version_in) == Some((3, 13))
    })
}

/// Finds cargo: in `CARGO`, else on the search path.
pub(crate) fn cargo() -> anyhow::Result<PathBuf> {
    env::var_os("CARGO")
        .map(PathBuf::from)
        .filter(|cargo| is_executable(cargo))
        .or_else(|| on_path("cargo"))
        .ok_or_else(|| {
            failure(
                "Rust (cargo) is missing",
                "install Rust from https://rustup.rs, or pass --no-build to use the binaries of an earlier build",
            )
        })
}

/// Checks all programs that the local stack needs. One error lists all that are missing.
///
/// `build` says whether the functions are built here. `emulator` is `None` if the emulator was given with `--endpoint`
/// and needs no program here.
pub(crate) fn all(layout: &Layout, build: bool, emulator: Option<Emulator>) -> anyhow::Result<()> {
    let mut missing = Vec::new();
    missing.extend(java().err());
    missing.extend(terraform().err());
    if build {
        missing.extend(cargo().err());
    }
    missing.extend(emulator.and_then(|emulator| emulator.require(layout).err()));
    // Maven is only needed to install Kafka.
    if !layout.tools.join("kafka/installed").exists() {
        missing.extend(maven().err());
    }
    match missing.len() {
        0 => Ok(()),
        1 => Err(missing.remove(0)),
        count => {
            let all: Vec<String> = missing.iter().map(describe).collect();
            Err(failure(
                format!("{count} things are missing on this machine:\n{}", all.join("\n")),
                "install them, then run this again",
            ))
        }
    }
}

/// Runs a program without showing its output. If it fails, the error quotes the last five lines.
pub(crate) fn run_quietly(command: &mut Command, what: &str, fix: &str) -> anyhow::Result<()> {
    let output =
        command.output().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(());
    }
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let lines = lines.split_off(lines.len().saturating_sub(5));
    Err(failure(format!("{what} failed ({}):\n  {}", output.status, lines.join("\n  ")), fix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_programs_print() {
        assert_eq!(version_in("openjdk version \"17.0.15\" 2025-04-15"), Some((17, 0)));
        assert_eq!(version_in("postgres (PostgreSQL) 16.14"), Some((16, 14)));
        assert_eq!(version_in("PostgreSQL 18beta1"), Some((18, 0)));
        assert_eq!(version_in("no digits"), None);
    }

    #[test]
    fn a_shim_that_does_not_run_and_another_version_are_passed_over() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let script = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let shim = script("shim", "echo 'python3.13: command not found' >&2; exit 127");
        let newer = script("newer", "echo 3.14");
        let good = script("good", "echo 3.13");
        let missing = dir.path().join("missing");
        assert_eq!(
            first_python_313([missing.clone(), shim.clone(), newer.clone(), good.clone()]),
            Some(good)
        );
        assert_eq!(first_python_313([missing, shim, newer]), None);
    }
}
