//! The event source bridge of the local stack: a background process that runs this command as `headwater bridge`.

use std::{
    ffi::OsString,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use anyhow::Context as _;
use rustix::process::Signal;

use super::{
    layout::Layout,
    mappings::LastErrors,
    process::{Launch, Part},
    record::{LocalStack, aws_variables},
};

/// How long the bridge may take to join its consumer groups and to write its first status.
const PATIENCE: Duration = Duration::from_secs(30);

/// If the status file is older than this, the bridge hangs: it writes the file every few seconds.
const SILENCE: Duration = Duration::from_secs(15);

/// The bridge of a stack.
pub(crate) fn part(layout: &Layout) -> Part {
    Part::new(layout, "bridge")
}

/// Stops the bridge. Invocations in flight have 10 s to finish. The batches of those that do not finish are delivered
/// again after the next start, because their offsets are not committed.
pub(crate) fn stop(layout: &Layout) -> anyhow::Result<()> {
    part(layout).stop(Signal::TERM, Duration::from_secs(10)).map(drop)
}

/// Starts the bridge and waits until it has written its first status. A bridge that runs already is restarted only if
/// its mappings, its ports or its binary changed.
pub(crate) async fn start(layout: &Layout, stack: &LocalStack) -> anyhow::Result<()> {
    let part = part(layout);
    let program = layout.command.clone();
    let wanted = fingerprint(stack, &program)?;
    let note = layout.run().join("bridge.for");
    if part.running().is_some() {
        if fs::read_to_string(&note).is_ok_and(|text| text == wanted) {
            return Ok(());
        }
        stop(layout)?;
    }
    fs::remove_file(layout.bridge_status()).ok();
    fs::write(&note, &wanted).with_context(|| format!("cannot write {}", note.display()))?;
    part.start(&Launch {
        program,
        args: vec![OsString::from("--data-dir"), layout.data.clone().into_os_string(), "bridge".into()],
        env: aws_variables(&stack.endpoint, &stack.region)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), OsString::from(value)))
            .collect(),
        clean_env: false,
        dir: layout.checkout.clone(),
        user: None,
        port: stack.functions_port,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })?;
    part.wait_ready("the bridge", PATIENCE, async || layout.bridge_status().exists().then_some(())).await
}

/// Hash of everything that a bridge is started with. If it differs, the running bridge must be restarted.
fn fingerprint(stack: &LocalStack, program: &Path) -> anyhow::Result<String> {
    let mut hasher = DefaultHasher::new();
    let outputs = stack.outputs()?;
    let served = (&outputs.event_source_mappings, &outputs.queue_mappings, &outputs.forecast);
    serde_json::to_string(&served)?.hash(&mut hasher);
    (&stack.endpoint, stack.kafka_port, stack.functions_port).hash(&mut hasher);
    let built = fs::metadata(program).and_then(|file| file.modified()).ok();
    built.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

/// The error of each mapping and queue whose last batch failed, from the status file. Empty if there is no such file.
pub(crate) fn last_errors(layout: &Layout) -> LastErrors {
    let Ok(status) = event_source::bridge::status::read(&layout.bridge_status()) else {
        return LastErrors::default();
    };
    let mappings = status.mappings.into_iter().filter_map(|mapping| {
        let error = mapping.lately.error()?.to_owned();
        Some(((mapping.consumer_group, mapping.topic), error))
    });
    let queues = status.queues.into_iter().filter_map(|queue| {
        let error = queue.lately.error()?.to_owned();
        Some((queue.queue, error))
    });
    LastErrors { mappings: mappings.collect(), queues: queues.collect() }
}

/// Whether the bridge has written its status within [`SILENCE`].
pub(crate) fn reports(layout: &Layout) -> bool {
    let age =
        fs::metadata(layout.bridge_status()).and_then(|file| file.modified()).ok().map(|time| time.elapsed());
    // If the clock was set back, the file's time is in the future. Then the answer is no until the next status.
    age.is_some_and(|age| age.is_ok_and(|age| age < SILENCE))
}
