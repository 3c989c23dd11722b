//! `LocalStack` in a container (localstack/compose.yaml), on machines with a running Docker daemon.

use std::{
    env,
    ffi::OsString,
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::Context as _;

use super::{Launch, Layout, LocalStack, create, localstack, requirements};

/// Keeps `LocalStack` out of containers on a machine that has Docker.
const WITHOUT: &str = "HEADWATER_WITHOUT_DOCKER";

/// Holds the name of the Compose project while there is a container.
const MARK: &str = "compose.project";

/// Whether a daemon answers and Compose is installed.
pub(super) fn available() -> bool {
    let works = |args: &[&str]| {
        let mut command = Command::new("docker");
        let run = command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        run.status().is_ok_and(|status| status.success())
    };
    env::var_os(WITHOUT).is_none() && works(&["compose", "version"]) && works(&["info"])
}

/// Whether the stack's emulator was started in a container.
pub(super) fn holds(layout: &Layout) -> bool {
    mark(layout).is_file()
}

/// `docker compose up` in the foreground: its process stands for the container, and its output is the emulator's log.
pub(super) fn launch(layout: &Layout, stack: &LocalStack) -> anyhow::Result<Launch> {
    let home = layout.data.join("emulator");
    create(&[&home])?;
    let project = format!("headwater-{}", layout.fingerprint());
    fs::write(mark(layout), &project).with_context(|| format!("cannot write {}", mark(layout).display()))?;
    let docker = requirements::on_path("docker").context("docker is no longer on the search path")?;
    let mut args = compose(layout, &project);
    // Ends with its container, and never takes up an older one, which would be empty.
    let up = ["up", "--no-log-prefix", "--force-recreate", "--abort-on-container-exit", "localstack"];
    args.extend(up.map(OsString::from));
    Ok(Launch {
        program: docker,
        args,
        env: localstack::settings(stack),
        clean_env: false,
        dir: home,
        user: None,
        port: stack.emulator_port,
        version: String::new(),
    })
}

/// Removes the container with its volume, if there is one: also what a killed `docker compose` left running.
pub(crate) fn remove(layout: &Layout) -> anyhow::Result<()> {
    let Ok(project) = fs::read_to_string(mark(layout)) else { return Ok(()) };
    let mut args = compose(layout, &project);
    args.extend(["down", "--volumes"].map(OsString::from));
    requirements::run_quietly(
        Command::new("docker").args(args),
        "docker compose down",
        "start the Docker daemon, or remove the container by hand, and run this again",
    )?;
    fs::remove_file(mark(layout)).with_context(|| format!("cannot delete {}", mark(layout).display()))
}

fn compose(layout: &Layout, project: &str) -> Vec<OsString> {
    let file = layout.checkout.join("localstack/compose.yaml");
    vec!["compose".into(), "--project-name".into(), project.into(), "--file".into(), file.into()]
}

fn mark(layout: &Layout) -> PathBuf {
    layout.data.join("emulator").join(MARK)
}
