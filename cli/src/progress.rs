//! Progress: bars and spinners on a terminal, plain lines otherwise.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::out;

/// How often a plain line says how far it is.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// One step of several, with how long it took.
pub(crate) struct Step {
    name: &'static str,
    started: Instant,
    spinner: ProgressBar,
}

impl Step {
    /// Says that the step begins.
    pub(crate) fn begin(name: &'static str, doing: &str) -> Self {
        let spinner = if out::watched() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix:<10} {wide_msg}") {
            spinner.set_style(style);
        }
        spinner.set_prefix(name);
        spinner.set_message(doing.to_owned());
        spinner.enable_steady_tick(Duration::from_millis(100));
        Self { name, started: Instant::now(), spinner }
    }

    /// Says what it does now (on a terminal only).
    pub(crate) fn now(&self, doing: impl Into<Cow<'static, str>>) {
        self.spinner.set_message(doing);
    }

    /// Says what takes long, also where nobody watches a terminal.
    pub(crate) fn announce(&self, doing: &'static str) {
        self.now(doing);
        if !out::watched() {
            out::note(format!("{:<10} {doing}", self.name));
        }
    }

    /// Says that it is done, and how.
    pub(crate) fn done(self, outcome: impl AsRef<str>) {
        self.spinner.finish_and_clear();
        let seconds = self.started.elapsed().as_secs_f64();
        out::note(format!("{:<10} {} ({seconds:.1} s)", self.name, outcome.as_ref()));
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.spinner.finish_and_clear();
    }
}

/// Work of a known length.
pub(crate) struct Meter {
    bar: ProgressBar,
    what: &'static str,
    total: u64,
    last_line: Instant,
}

impl Meter {
    /// A meter from 0 to `total` of `what`.
    pub(crate) fn new(what: &'static str, total: u64) -> Self {
        let bar = if out::watched() { ProgressBar::new(total) } else { ProgressBar::hidden() };
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {human_pos}/{human_len} {msg} {per_sec} {eta_precise}")
        {
            bar.set_style(style);
        }
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, what, total, last_line: Instant::now() }
    }

    /// How much is done; the total may grow meanwhile.
    pub(crate) fn set(&mut self, done: u64, total: u64) {
        self.total = total;
        self.bar.set_length(total);
        self.bar.set_position(done);
        if !out::watched() && self.last_line.elapsed() >= PLAIN_INTERVAL {
            self.last_line = Instant::now();
            out::note(format!("{done} of {total} {}", self.what));
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Work without an end: one line that changes on a terminal, a plain line now and then otherwise.
pub(crate) struct Pulse {
    spinner: ProgressBar,
    last_line: Instant,
}

impl Pulse {
    /// Says nothing yet.
    pub(crate) fn begin() -> Self {
        let spinner = if out::watched() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        Self { spinner, last_line: Instant::now() }
    }

    /// How it stands.
    pub(crate) fn show(&mut self, line: &str) {
        self.spinner.set_message(line.to_owned());
        self.spinner.tick();
        if !out::watched() && self.last_line.elapsed() >= PLAIN_INTERVAL {
            self.last_line = Instant::now();
            out::note(line);
        }
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.spinner.finish_and_clear();
    }
}
