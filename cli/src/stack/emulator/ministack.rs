//! `MiniStack` in a clean environment, with its state in the data folder.

use std::{ffi::OsString, fs};

use anyhow::Context as _;

use super::{super::record::REGION, Launch, Layout, LocalStack, create, python_module, tools};

/// Says that the state is that of the last run.
const SAVED: &str = "saved";

/// After a clean end: what it wrote down is whole, and the next start may read it.
pub(crate) fn keep_state(layout: &Layout) -> anyhow::Result<()> {
    let mark = layout.data.join("emulator").join(SAVED);
    fs::write(&mark, "").with_context(|| format!("cannot write {}", mark.display()))
}

/// How it is started.
pub(super) fn launch(layout: &Layout, stack: &LocalStack) -> anyhow::Result<Launch> {
    let python = tools::ministack(layout)?;
    let home = layout.data.join("emulator");
    // After a kill, the state that an earlier run saved must not come back: it may hold functions of an older deployment, and
    // Terraform does not compare their code. S3 objects are kept apart from it and always come back.
    if fs::remove_file(home.join(SAVED)).is_err() {
        fs::remove_dir_all(home.join("state")).ok();
    }
    create(&[&home.join("state"), &home.join("s3")])?;
    let port = stack.emulator_port.to_string();
    let own: [(&str, OsString); 10] = [
        ("BIND_HOST", "127.0.0.1".into()),
        ("GATEWAY_PORT", port.into()),
        // The functions inherit these.
        ("AWS_ENDPOINT_URL", stack.endpoint.clone().into()),
        ("AWS_REGION", REGION.into()),
        ("MINISTACK_REGION", REGION.into()),
        // Roles are enforced: what works here has the permissions that it needs in AWS.
        ("AUTH", "true".into()),
        ("PERSIST_STATE", "1".into()),
        ("S3_PERSIST", "1".into()),
        ("STATE_DIR", home.join("state").into()),
        ("S3_DATA_DIR", home.join("s3").into()),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value)).to_vec();
    python_module(layout, stack, python, "ministack", "ministack", "localstack/emulator", own)
}
