//! Shows progress on standard error: bars and spinners on a terminal, plain lines otherwise.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::out;

/// The shortest time between two plain lines. It keeps log files short.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// One step of a command such as `up`. At its end, a line with its duration is printed. If a step is dropped without
/// [`Step::done`] (on an error), only the spinner is removed.
pub(crate) struct Step {
    /// Name of the part, printed at the beginning of the line.
    name: &'static str,
    started: Instant,
    /// Hidden if standard error is not a terminal.
    spinner: ProgressBar,
}

impl Step {
    /// Begins a step. On a terminal, shows a spinner with the text `doing`; otherwise prints nothing yet.
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

    /// Changes the text beside the spinner. Without a terminal, this prints nothing.
    pub(crate) fn now(&self, doing: impl Into<Cow<'static, str>>) {
        self.spinner.set_message(doing);
    }

    /// Changes the text beside the spinner. Without a terminal, prints the text, so that a log shows why the command
    /// takes minutes, for example for a download.
    pub(crate) fn announce(&self, doing: &'static str) {
        self.now(doing);
        if !out::watched() {
            out::note(format!("{:<10} {doing}", self.name));
        }
    }

    /// Ends the step and prints its outcome and its duration in seconds.
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

/// Progress of work whose length is known.
pub(crate) struct Meter {
    /// Hidden if standard error is not a terminal.
    bar: ProgressBar,
    /// What is counted, in the plural, such as `objects`.
    what: &'static str,
    /// The number that is reached when the work is done.
    total: u64,
    /// When the last plain line was printed, or when the meter was made.
    last_line: Instant,
}

impl Meter {
    /// Makes a meter that stands at 0 of `total`.
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

    /// Shows that `done` of `total` are done. `total` may differ from the last call, for example if work was added.
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

/// State of work without a known end. A terminal shows one line that changes; otherwise a plain line is printed every
/// [`PLAIN_INTERVAL`].
pub(crate) struct Pulse {
    /// Hidden if standard error is not a terminal.
    spinner: ProgressBar,
    /// When the last plain line was printed, or when the display was made.
    last_line: Instant,
}

impl Pulse {
    /// Makes the display. Shows nothing until the first [`Pulse::show`].
    pub(crate) fn begin() -> Self {
        let spinner = if out::watched() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        Self { spinner, last_line: Instant::now() }
    }

    /// Shows the current state.
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
