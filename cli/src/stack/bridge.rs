//! The event source bridge: this command again, as `headwater bridge`, in the background.

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

/// How long it may take to join its groups.
const PATIENCE: Duration = Duration::from_secs(30);

/// Silent for longer than this, it hangs.
const SILENCE: Duration = Duration::from_secs(15);

/// The bridge of a stack.
pub(crate) fn part(layout: &Layout) -> Part {
    Part::new(layout, "bridge")
}

/// Stops it: what is in flight may finish, and comes again if it does not.
pub(crate) fn stop(layout: &Layout) -> anyhow::Result<()> {
    part(layout).stop(Signal::TERM, Duration::from_secs(10)).map(drop)
}

/// Starts it, or starts it again when its mappings or its binary changed, and waits until it reports.
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

/// What a running bridge was started with.
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

/// The error of each mapping and queue whose last batch failed.
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

/// Whether the bridge gives signs of life: it writes its status every few seconds.
pub(crate) fn reports(layout: &Layout) -> bool {
    let age =
        fs::metadata(layout.bridge_status()).and_then(|file| file.modified()).ok().map(|time| time.elapsed());
    // A file from the future is a clock that was set back.
    age.is_some_and(|age| age.is_ok_and(|age| age < SILENCE))
}
