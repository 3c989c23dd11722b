//! A lock per stack, so that `up` and `down` do not run at the same time.

use std::{fs::File, time::Duration};

use anyhow::Context as _;

use super::{layout::Layout, process::wait_until};
use crate::{failure::failure, out};

/// How long to wait for the other process. Its first build may take many minutes.
const PATIENCE: Duration = Duration::from_mins(20);

/// Takes the lock, or waits up to [`PATIENCE`] for it. It is held until the file is dropped. The system releases it
/// when the process ends, also after a kill.
pub(crate) fn take(layout: &Layout) -> anyhow::Result<File> {
    let path = layout.data.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    if file.try_lock().is_ok() {
        return Ok(file);
    }
    out::note("another `headwater up` or `down` of this stack is at work; waiting for it");
    if wait_until(PATIENCE, || file.try_lock().is_ok()) {
        return Ok(file);
    }
    Err(failure(
        format!("another headwater still holds {} after {} minutes", path.display(), PATIENCE.as_secs() / 60),
        "stop that process, then run this again",
    ))
}
