//! The AWS emulator: MiniStack in a clean environment, with its state in the data folder.

use std::{ffi::OsString, fs, path::Path, time::Duration};

use anyhow::Context as _;

use super::{
    http,
    layout::Layout,
    process::{Launch, Part},
    record::{REGION, Stack},
    tools,
};
use crate::failure::failure;

/// How long a start may take; restoring thousands of objects is slow on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Says that the state is that of the last run.
const SAVED: &str = "saved";

/// After a clean end: what it wrote down is whole, and the next start may read it.
pub(crate) fn keep_state(layout: &Layout) -> anyhow::Result<()> {
    let mark = layout.data.join("emulator").join(SAVED);
    fs::write(&mark, "").with_context(|| format!("cannot write {}", mark.display()))
}

/// The emulator of a stack.
pub(crate) fn part(layout: &Layout) -> Part {
    Part::new(layout, "emulator")
}

/// Starts it; [`wait_ready`] waits until it answers.
pub(crate) fn start(layout: &Layout, stack: &Stack) -> anyhow::Result<()> {
    let python = tools::emulator(layout)?;
    let home = layout.data.join("emulator");
    let scratch = home.join("tmp");
    // What functions unpacked for a run that is over.
    fs::remove_dir_all(&scratch).ok();
    // State that a run before the last one saved is worse than none: it holds functions of an older deployment, and
    // Terraform does not look into their code. S3 objects are kept apart from it and always come back.
    if fs::remove_file(home.join(SAVED)).is_err() {
        fs::remove_dir_all(home.join("state")).ok();
    }
    for dir in [&scratch, &home.join("state"), &home.join("s3")] {
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    }
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
    part(layout).start(&Launch {
        program: python.clone(),
        args: ["-m", "ministack"].map(OsString::from).to_vec(),
        env,
        clean_env: true,
        dir: home,
        user: None,
        port: stack.emulator_port,
        version: version(&python),
    })
}

/// Waits until the emulator answers; says why when it never does.
pub(crate) async fn wait_ready(layout: &Layout, stack: &Stack) -> anyhow::Result<String> {
    if stack.foreign_emulator {
        return healthy(&stack.endpoint).ok_or_else(|| {
            failure(
                format!("no emulator answers at {}", stack.endpoint),
                "start that emulator, or leave --endpoint out to have one started",
            )
        });
    }
    part(layout).wait_ready("the emulator", PATIENCE, async || healthy(&stack.endpoint)).await
}

/// What the emulator calls itself, when it answers.
pub(crate) fn healthy(endpoint: &str) -> Option<String> {
    let answer = http::get(endpoint, "/_localstack/health").ok().filter(|answer| answer.status == 200)?;
    let body: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    Some(body.get("version").and_then(|version| version.as_str()).unwrap_or("unknown").to_owned())
}

/// The installed version, from the folder that pip leaves.
fn version(python: &Path) -> String {
    let packages = python.parent().and_then(Path::parent).map(|root| root.join("lib"));
    let mut names = packages
        .into_iter()
        .flat_map(|lib| fs::read_dir(lib).into_iter().flatten().flatten())
        .flat_map(|python| fs::read_dir(python.path().join("site-packages")).into_iter().flatten().flatten());
    names
        .find_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some(name.strip_prefix("ministack-")?.strip_suffix(".dist-info")?.to_owned())
        })
        .unwrap_or_default()
}
