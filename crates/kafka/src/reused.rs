//! Clients that are used by several invocations.

use std::time::{Duration, SystemTime};

/// After this long without use the sandbox may have been frozen, for longer than a connection, a session or a token
/// lives. The client is then replaced.
const IDLE: Duration = Duration::from_mins(1);

/// A client, and when it was last used.
#[derive(Debug)]
pub(crate) struct Reused<C> {
    pub(crate) client: C,
    /// Wall-clock time, because it also advances while the sandbox is frozen.
    used: SystemTime,
}

impl<C> Reused<C> {
    /// A client that was just made.
    pub(crate) fn new(client: C) -> Self {
        Self { client, used: SystemTime::now() }
    }

    /// Whether the client was used so recently that it still works. If the clock was set back, that is not known.
    pub(crate) fn is_fresh(&self) -> bool {
        self.used.elapsed().is_ok_and(|idle| idle <= IDLE)
    }

    /// Notes that the client is used now.
    pub(crate) fn touch(&mut self) {
        self.used = SystemTime::now();
    }
}
