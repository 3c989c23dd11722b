//! Runs `MiniStack` in a clean environment, with its state in the data folder.

use std::{ffi::OsString, fs};

use anyhow::Context as _;

use super::{super::record::REGION, Launch, Layout, LocalStack, create, python_module, tools};

/// File that exists if the saved state is complete and comes from the last run.
const SAVED: &str = "saved";

/// Marks the saved state as complete. Call this only after `MiniStack` ended cleanly. The next start then restores it.
pub(crate) fn keep_state(layout: &Layout) -> anyhow::Result<()> {
    let mark = layout.data.join("emulator").join(SAVED);
    fs::write(&mark, "").with_context(|| format!("cannot write {}", mark.display()))
}

/// Makes the launch of `MiniStack`; installs it first if needed. Deletes the saved state if the last run was killed.
pub(super) fn launch(layout: &Layout, stack: &LocalStack) -> anyhow::Result<Launch> {
    let python = tools::ministack(layout)?;
    let home = layout.data.join("emulator");
    // After a kill, the saved state is of an earlier run. It may hold functions of an older deployment, and Terraform
    // does not compare their code. So it must not be restored. S3 objects are stored separately and are always
    // restored.
    if fs::remove_file(home.join(SAVED)).is_err() {
        fs::remove_dir_all(home.join("state")).ok();
    }
    create(&[&home.join("state"), &home.join("s3")])?;
    let port = stack.emulator_port.to_string();
    let own: [(&str, OsString); 10] = [
        ("BIND_HOST", "127.0.0.1".into()),
        ("GATEWAY_PORT", port.into()),
        // The functions inherit the next two variables.
        ("AWS_ENDPOINT_URL", stack.endpoint.clone().into()),
        ("AWS_REGION", REGION.into()),
        ("MINISTACK_REGION", REGION.into()),
        // Enforces IAM, so that a missing permission already fails here and not first in AWS.
        ("AUTH", "true".into()),
        ("PERSIST_STATE", "1".into()),
        ("S3_PERSIST", "1".into()),
        ("STATE_DIR", home.join("state").into()),
        ("S3_DATA_DIR", home.join("s3").into()),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value)).to_vec();
    python_module(layout, stack, python, "ministack", "ministack", "localstack/emulator", own)
}
