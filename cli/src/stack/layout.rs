//! Folders: the checkout, the data of one stack, and the tools that all stacks share.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::failure::failure;

/// Free space in bytes that a start requires. Kafka and Postgres crash when the disk is full.
const LEAST_FREE_BYTES: u64 = 512 << 20;

/// The folders of one stack.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// The checkout: pipelines, Terraform, the parts' definitions.
    pub(crate) checkout: PathBuf,
    /// Everything that this stack writes (`--data-dir`, else `.headwater`).
    pub(crate) data: PathBuf,
    /// Downloaded tools, shared by all stacks of the checkout (`HEADWATER_TOOLS_DIR`, else `.tools`). `down --wipe`
    /// keeps them.
    pub(crate) tools: PathBuf,
    /// Path of this command. It is looked up at the start, because a build may replace the file while this runs.
    pub(crate) command: PathBuf,
    /// The stack file of `--stack`. If it is set, verbs work on that stack and not on the one of `data`.
    pub(crate) stack_named: Option<PathBuf>,
}

impl Layout {
    /// Finds the checkout: the working directory, one of its parents, or the folder where this command was built.
    ///
    /// With a stack file no checkout is needed. The default data folder is then in the home folder, not in the
    /// checkout. Creates no folder; see [`Self::create`].
    ///
    /// # Errors
    /// No checkout is found and no stack file was given.
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
                failure("no checkout of Headwater found", "run this inside a checkout of Headwater")
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

    /// Creates the data folder and its subfolders. Existing ones stay as they are.
    pub(crate) fn create(&self) -> anyhow::Result<()> {
        for dir in [self.data.clone(), self.logs(), self.run(), self.artifacts(), self.terraform()] {
            fs::create_dir_all(&dir).map_err(|error| {
                failure(
                    format!("cannot create {}: {error}", dir.display()),
                    "choose a folder that you may write, with --data-dir (or HEADWATER_DATA_DIR)",
                )
            })?;
        }
        Ok(())
    }

    /// Fails if the disk of the data or of the tools has less than [`LEAST_FREE_BYTES`] left. If the free space cannot
    /// be determined, the disk counts as large enough.
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

    /// Log files, one per part.
    pub(crate) fn logs(&self) -> PathBuf {
        self.data.join("logs")
    }

    /// Process records, one per running part.
    pub(crate) fn run(&self) -> PathBuf {
        self.data.join("run")
    }

    /// Functions that the bridge has unpacked, and their scratch folders.
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

    /// The record of the stack (`LocalStack`), which `up` writes.
    pub(crate) fn stack_file(&self) -> PathBuf {
        self.data.join("stack.json")
    }

    /// Receipts of fleets.
    pub(crate) fn fleet(&self) -> PathBuf {
        self.data.join("fleet")
    }

    /// Status that the bridge writes every few seconds.
    pub(crate) fn bridge_status(&self) -> PathBuf {
        self.data.join("bridge.json")
    }

    /// 16 hexadecimal digits that identify this stack: a hash of the data folder's path. Used to name things that
    /// cannot be inside the data folder.
    pub(crate) fn fingerprint(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.data.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }
}

#[cfg(test)]
impl Layout {
    /// A layout with all folders in `dir`.
    pub(crate) fn within(dir: &Path) -> Self {
        Self {
            checkout: dir.into(),
            data: dir.into(),
            tools: dir.into(),
            command: "headwater".into(),
            stack_named: None,
        }
    }

    /// The same in a temporary folder, which is deleted when the first value is dropped.
    pub(crate) fn temporary() -> (tempfile::TempDir, Self) {
        let dir = tempfile::tempdir().unwrap();
        let layout = Self::within(dir.path());
        layout.create().unwrap();
        (dir, layout)
    }
}
