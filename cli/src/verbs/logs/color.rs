//! Colours for lines on a terminal.

use std::io::{self, IsTerminal as _};

/// How important a part of a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    /// Context, shown dimmed.
    Dim,
    /// A warning.
    Warning,
    /// A fault.
    Fault,
}

/// Whether lines are coloured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Colors(bool);

impl Colors {
    /// On a terminal, unless `NO_COLOR` is set to anything (<https://no-color.org>).
    pub(super) fn of_standard_output() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self(io::stdout().is_terminal() && !refused && !dumb)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.paint(Tone::Dim, text)
    }

    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            _ if !self.0 => return text.to_owned(),
            Tone::Plain => return text.to_owned(),
            Tone::Dim => 2,
            Tone::Warning => 33,
            Tone::Fault => 31,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

#[cfg(test)]
impl Colors {
    pub(super) const ON: Self = Self(true);
    pub(super) const OFF: Self = Self(false);
}
