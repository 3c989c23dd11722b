//! Runs `LocalStack` in a container (localstack/compose.yaml), on machines with a running Docker daemon.

use std::{
    env,
    ffi::OsString,
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::Context as _;

use super::{Launch, Layout, LocalStack, create, localstack, requirements};

/// Environment variable: if it is set, `LocalStack` runs without a container even if there is a Docker daemon.
const WITHOUT: &str = "HEADWATER_WITHOUT_DOCKER";

/// File with the name of the Compose project. It exists while there may be a container.
const MARK: &str = "compose.project";

/// Whether the Docker daemon answers, Compose is installed, and containers are not forbidden by [`WITHOUT`].
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

/// Makes the launch of `docker compose up` in the foreground. Its process represents the container, and its output is
/// the emulator's log. The name of the project is written down first, so that [`remove`] can find the container.
pub(super) fn launch(layout: &Layout, stack: &LocalStack) -> anyhow::Result<Launch> {
    let home = layout.data.join("emulator");
    create(&[&home])?;
    let project = format!("headwater-{}", layout.fingerprint());
    fs::write(mark(layout), &project).with_context(|| format!("cannot write {}", mark(layout).display()))?;
    let docker = requirements::on_path("docker").context("docker is not on the search path any more")?;
    let mut args = compose(layout, &project);
    // `docker compose` must end when its container ends. It must not reuse an older container: that has lost its state.
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

/// Removes the stack's container with its volume. Also finds a container that a killed `docker compose` left running.
/// Does nothing if no container was started.
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
