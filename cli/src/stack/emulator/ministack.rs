//! `MiniStack` in a clean environment, with its state in the data folder.

use std::{ffi::OsString, fs};

use anyhow::Context as _;

use super::{super::record::REGION, Launch, Layout, Stack, create, tools};

/// Says that the state is that of the last run.
const SAVED: &str = "saved";

/// After a clean end: what it wrote down is whole, and the next start may read it.
pub(crate) fn keep_state(layout: &Layout) -> anyhow::Result<()> {
    let mark = layout.data.join("emulator").join(SAVED);
    fs::write(&mark, "").with_context(|| format!("cannot write {}", mark.display()))
}

/// How it is started.
pub(super) fn launch(layout: &Layout, stack: &Stack) -> anyhow::Result<Launch> {
    let python = tools::ministack(layout)?;
    let home = layout.data.join("emulator");
    let scratch = home.join("tmp");
    // What functions unpacked for a run that is over.
    fs::remove_dir_all(&scratch).ok();
    // State that a run before the last one saved is worse than none: it holds functions of an older deployment, and
    // Terraform does not look into their code. S3 objects are kept apart from it and always come back.
    if fs::remove_file(home.join(SAVED)).is_err() {
        fs::remove_dir_all(home.join("state")).ok();
    }
    create(&[&scratch, &home.join("state"), &home.join("s3")])?;
    let text = |value: &str| OsString::from(value);
    let path = |dir: &str| home.join(dir).into_os_string();
    let env = vec![
        ("PATH".to_owned(), text("/usr/local/bin:/usr/bin:/bin")),
        ("LANG".to_owned(), text("C.UTF-8")),
        ("HOME".to_owned(), home.clone().into_os_string()),
        ("TMPDIR".to_owned(), scratch.clone().into_os_string()),
        ("PYTHONUNBUFFERED".to_owned(), text("1")),
        // What is mended in the emulator: see there.
        ("PYTHONPATH".to_owned(), layout.checkout.join("localstack/emulator").into_os_string()),
        ("PYTHONDONTWRITEBYTECODE".to_owned(), text("1")),
        ("BIND_HOST".to_owned(), text("127.0.0.1")),
        ("GATEWAY_PORT".to_owned(), text(&stack.emulator_port.to_string())),
        // The functions inherit these.
        ("AWS_ENDPOINT_URL".to_owned(), text(&stack.endpoint)),
        ("AWS_REGION".to_owned(), text(REGION)),
        ("AWS_DEFAULT_REGION".to_owned(), text(REGION)),
        ("MINISTACK_REGION".to_owned(), text(REGION)),
        // Roles are enforced: what works here has the permissions that it needs in AWS.
        ("AUTH".to_owned(), text("true")),
        ("PERSIST_STATE".to_owned(), text("1")),
        ("S3_PERSIST".to_owned(), text("1")),
        ("STATE_DIR".to_owned(), path("state")),
        ("S3_DATA_DIR".to_owned(), path("s3")),
    ];
    Ok(Launch {
        version: tools::version_of(&python, "ministack"),
        program: python,
        args: ["-m", "ministack"].map(OsString::from).to_vec(),
        env,
        clean_env: true,
        dir: home,
        user: None,
        port: stack.emulator_port,
    })
}
