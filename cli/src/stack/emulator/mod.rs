//! The AWS emulator of a stack: MiniStack, or LocalStack on this machine or in a container.

mod container;
mod localstack;
mod ministack;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::{
    http,
    layout::Layout,
    process::{Launch, Part},
    record::{LocalStack, REGION},
    requirements, tools,
};
use crate::failure::failure;

pub(crate) use container::remove as clean_up;
pub(crate) use localstack::refuse_what_is_lost;
pub(crate) use ministack::keep_state;

/// How long a start may take. Restoring thousands of objects is slow on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a start in a container may take. Docker may have to pull the image first.
const PATIENCE_WITH_PULL: Duration = Duration::from_mins(10);

/// Which emulator a stack has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Emulator {
    /// `MiniStack`: small, enforces IAM, and keeps its state over a restart
    #[default]
    Ministack,
    /// `LocalStack`'s community edition: in a container where a Docker daemon runs, else on Python 3.13
    Localstack,
}

impl std::fmt::Display for Emulator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Ministack => "MiniStack",
            Self::Localstack => "LocalStack",
        })
    }
}

impl Emulator {
    /// Returns the emulator that was asked for, else the one that the stack has, else the default.
    ///
    /// # Errors
    /// The stack already has another emulator. It holds the stack's data, so it cannot be replaced.
    pub(crate) fn settle(asked: Option<Self>, before: Option<&LocalStack>) -> anyhow::Result<Self> {
        match (asked, before) {
            (Some(asked), Some(before)) if asked != before.emulator && !before.foreign_emulator => {
                Err(failure(
                    format!("the emulator of this stack is {}, not {asked}", before.emulator),
                    "to change it, delete the stack with `headwater down --wipe` first, or choose another folder with --data-dir",
                ))
            }
            (asked, before) => Ok(asked.or(before.map(|stack| stack.emulator)).unwrap_or_default()),
        }
    }

    /// Whether the emulator restores its state after a clean end.
    pub(crate) fn keeps_state(self) -> bool {
        self == Self::Ministack
    }

    /// Checks that this machine has the programs to install and start the emulator.
    pub(crate) fn require(self, layout: &Layout) -> anyhow::Result<()> {
        // The system's Python is only checked before an installation.
        let installed = |tool: &str| layout.tools.join(tool).join("installed").exists();
        match self {
            Self::Ministack if !installed("emulator") => requirements::python().map(drop),
            Self::Localstack if !installed("localstack") && !container::available() => {
                requirements::python_313().map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Installs the emulator if needed. For a container nothing is done: Docker pulls the image at the first start.
    pub(crate) fn install(self, layout: &Layout) -> anyhow::Result<()> {
        match self {
            Self::Ministack => tools::ministack(layout).map(drop),
            Self::Localstack if container::available() => Ok(()),
            Self::Localstack => tools::localstack(layout).map(drop),
        }
    }
}

/// The part that runs the emulator. With a container, its process is `docker compose up`.
pub(crate) fn part(layout: &Layout) -> Part {
    Part::new(layout, "emulator")
}

/// Starts the emulator. [`wait_ready`] waits until it answers.
pub(crate) fn start(layout: &Layout, stack: &LocalStack) -> anyhow::Result<()> {
    let launch = match stack.emulator {
        Emulator::Ministack => ministack::launch(layout, stack)?,
        Emulator::Localstack => {
            localstack::forget(layout)?;
            if container::available() {
                container::launch(layout, stack)?
            } else {
                localstack::launch(layout, stack)?
            }
        }
    };
    part(layout).start(&launch)
}

/// Waits until the emulator answers; says why when it never does.
pub(crate) async fn wait_ready(layout: &Layout, stack: &LocalStack) -> anyhow::Result<String> {
    if stack.foreign_emulator {
        return healthy(&stack.endpoint).await.ok_or_else(|| {
            failure(
                format!("no emulator answers at {}", stack.endpoint),
                "start that emulator, or leave --endpoint out to have one started",
            )
        });
    }
    let patience = if container::holds(layout) { PATIENCE_WITH_PULL } else { PATIENCE };
    part(layout).wait_ready("the emulator", patience, async || healthy(&stack.endpoint).await).await
}

/// What the emulator calls itself, when it answers.
pub(crate) async fn healthy(endpoint: &str) -> Option<String> {
    let answer =
        http::get(endpoint, "/_localstack/health").await.ok().filter(|answer| answer.status == 200)?;
    let body: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    Some(body.get("version").and_then(|version| version.as_str()).unwrap_or("unknown").to_owned())
}

/// Makes the launch of an emulator that is a Python module. It gets a clean environment without this shell's variables.
///
/// `distribution` is its name in pip. `mended` is the folder with our changes to it, which Python loads by
/// `PYTHONPATH`. `own` are its own environment variables.
fn python_module(
    layout: &Layout,
    stack: &LocalStack,
    python: PathBuf,
    distribution: &str,
    module: &str,
    mended: &str,
    own: Vec<(String, OsString)>,
) -> anyhow::Result<Launch> {
    let home = layout.data.join("emulator");
    let scratch = home.join("tmp");
    // Delete temporary files of an earlier emulator process: unpacked functions and objects.
    fs::remove_dir_all(&scratch).ok();
    create(&[&scratch])?;
    let mut env: Vec<(String, OsString)> = [
        ("PATH", "/usr/local/bin:/usr/bin:/bin".into()),
        ("LANG", "C.UTF-8".into()),
        ("HOME", home.clone().into_os_string()),
        ("TMPDIR", scratch.into_os_string()),
        ("PYTHONUNBUFFERED", "1".into()),
        ("PYTHONPATH", layout.checkout.join(mended).into_os_string()),
        ("PYTHONDONTWRITEBYTECODE", "1".into()),
        ("AWS_DEFAULT_REGION", REGION.into()),
    ]
    .map(|(name, value): (&str, OsString)| (name.to_owned(), value))
    .into();
    env.extend(own);
    Ok(Launch {
        version: tools::version_of(&python, distribution),
        program: python,
        args: ["-m", module].map(OsString::from).to_vec(),
        env,
        clean_env: true,
        dir: home,
        user: None,
        port: stack.emulator_port,
    })
}

/// Creates the folders that an emulator writes to. Existing ones stay as they are.
fn create(folders: &[&Path]) -> anyhow::Result<()> {
    folders.iter().try_for_each(|folder| {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::describe;

    fn stack(emulator: Emulator) -> LocalStack {
        LocalStack { emulator, ..LocalStack::default() }
    }

    #[test]
    fn a_stack_keeps_its_emulator_and_refuses_another_with_the_fix() {
        use Emulator::{Localstack, Ministack};
        assert_eq!(Emulator::settle(None, None).unwrap(), Ministack);
        assert_eq!(Emulator::settle(Some(Localstack), None).unwrap(), Localstack);
        assert_eq!(Emulator::settle(None, Some(&stack(Localstack))).unwrap(), Localstack);
        assert_eq!(Emulator::settle(Some(Localstack), Some(&stack(Localstack))).unwrap(), Localstack);
        for (has, asked) in [(Ministack, Localstack), (Localstack, Ministack)] {
            let said = describe(&Emulator::settle(Some(asked), Some(&stack(has))).unwrap_err());
            assert!(said.contains(&has.to_string()) && said.contains("down --wipe"), "{said}");
        }
    }

    #[test]
    fn a_stack_that_was_recorded_before_there_was_a_choice_has_ministack() {
        let stack: LocalStack = serde_json::from_str("{}").unwrap();
        assert_eq!(stack.emulator, Emulator::Ministack);
    }
}
