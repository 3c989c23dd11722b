//! Where things lie: the checkout, the data of one stack, the tools that all stacks share.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::failure::failure;

/// Below this much free space a stack does not start: Kafka and Postgres stop hard on a full disk.
const LEAST_FREE_BYTES: u64 = 512 << 20;

/// The folders of one stack.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// The checkout: pipelines, Terraform, the parts' definitions.
    pub(crate) checkout: PathBuf,
    /// Everything this stack writes.
    pub(crate) data: PathBuf,
    /// Downloaded parts, shared by all stacks of the checkout; `down --wipe` leaves them.
    pub(crate) tools: PathBuf,
    /// This command itself, asked for before a build can replace it.
    pub(crate) command: PathBuf,
    /// The stack file that was named, in the place of the data folder's stack.
    pub(crate) stack_named: Option<PathBuf>,
}

impl Layout {
    /// Finds the checkout from the working directory upwards, else where this command was built. With a stack file none is
    /// needed, and what is written lies in the home folder.
    pub(crate) fn find(data_dir: Option<&Path>, stack_file: Option<&Path>) -> anyhow::Result<Self> {
        let here = env::current_dir().context("the working directory is gone")?;
        let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let checkout = here
            .ancestors()
            .chain(built_from)
            .find(|dir| dir.join("pipelines").is_dir() && dir.join("localstack/kafka/pom.xml").is_file())
            .map(Path::to_path_buf)
            .or_else(|| stack_file.is_some().then(|| here.clone()))
            .ok_or_else(|| {
                failure("no Headwater checkout here", "run this inside a checkout of Headwater")
            })?;
        let usual = if stack_file.is_some() {
            env::home_dir().unwrap_or_else(|| here.clone())
        } else {
            checkout.clone()
        };
        let data = data_dir.map_or_else(|| usual.join(".headwater"), |dir| here.join(dir));
        let tools =
            env::var_os("HEADWATER_TOOLS_DIR").map_or_else(|| checkout.join(".tools"), |dir| here.join(dir));
        let command = env::current_exe().context("cannot find this command itself")?;
        Ok(Self { checkout, data, tools, command, stack_named: stack_file.map(|file| here.join(file)) })
    }

    /// Makes the data folder and its parts.
    pub(crate) fn create(&self) -> anyhow::Result<()> {
        for dir in [self.data.clone(), self.logs(), self.run(), self.artifacts(), self.terraform()] {
            fs::create_dir_all(&dir).map_err(|error| {
                failure(
                    format!("cannot create {}: {error}", dir.display()),
                    "choose a folder that you may write with --data-dir (or HEADWATER_DATA_DIR)",
                )
            })?;
        }
        Ok(())
    }

    /// Refuses to go on where the disk is nearly full.
    pub(crate) fn require_space(&self) -> anyhow::Result<()> {
        for dir in [&self.data, &self.tools] {
            let Some(existing) = dir.ancestors().find(|dir| dir.exists()) else { continue };
            let Ok(stat) = rustix::fs::statvfs(existing) else { continue };
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            if free < LEAST_FREE_BYTES {
                return Err(failure(
                    format!(
                        "the disk of {} is full: {} MB are free, the stack needs {} MB",
                        dir.display(),
                        free >> 20,
                        LEAST_FREE_BYTES >> 20
                    ),
                    "free some space (`headwater down --wipe` deletes this stack's data) or choose another disk with --data-dir",
                ));
            }
        }
        Ok(())
    }

    /// One log file a part.
    pub(crate) fn logs(&self) -> PathBuf {
        self.data.join("logs")
    }

    /// One record a running part.
    pub(crate) fn run(&self) -> PathBuf {
        self.data.join("run")
    }

    /// What the bridge unpacks, and the functions' scratch folders.
    pub(crate) fn functions(&self) -> PathBuf {
        self.run().join("functions")
    }

    /// The functions' zips.
    pub(crate) fn artifacts(&self) -> PathBuf {
        self.data.join("artifacts")
    }

    /// Terraform's state and working files.
    pub(crate) fn terraform(&self) -> PathBuf {
        self.data.join("terraform")
    }

    /// What `up` was told and found out.
    pub(crate) fn stack_file(&self) -> PathBuf {
        self.data.join("stack.json")
    }

    /// What fleets were promised.
    pub(crate) fn fleet(&self) -> PathBuf {
        self.data.join("fleet")
    }

    /// What the bridge last knew of its mappings.
    pub(crate) fn bridge_status(&self) -> PathBuf {
        self.data.join("bridge.json")
    }

    /// A short name for this stack, for what cannot live in the data folder.
    pub(crate) fn fingerprint(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.data.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }
}

#[cfg(test)]
impl Layout {
    /// Everything in one folder.
    pub(crate) fn within(dir: &Path) -> Self {
        Self {
            checkout: dir.into(),
            data: dir.into(),
            tools: dir.into(),
            command: "headwater".into(),
            stack_named: None,
        }
    }

    /// The same in a folder that is deleted with the first value.
    pub(crate) fn temporary() -> (tempfile::TempDir, Self) {
        let dir = tempfile::tempdir().unwrap();
        let layout = Self::within(dir.path());
        layout.create().unwrap();
        (dir, layout)
    }
}
