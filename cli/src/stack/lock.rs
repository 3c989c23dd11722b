//! One `up` or `down` of a stack at a time.

use std::{fs::File, time::Duration};

use anyhow::Context as _;

use super::{layout::Layout, process::wait_until};
use crate::{failure::failure, out};

/// How long one waits for the other: a first build takes its time.
const PATIENCE: Duration = Duration::from_mins(20);

/// Held until dropped; the system lets go of it when the process ends, however it ends.
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
        format!("another headwater has held {} for {} minutes", path.display(), PATIENCE.as_secs() / 60),
        "end that process, then run this again",
    ))
}
