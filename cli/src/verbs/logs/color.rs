//! Colours for lines on a terminal.

use std::io::{self, IsTerminal as _};

/// How important a part of a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// The terminal's own colour.
    Plain,
    /// Context, shown dimmed.
    Dim,
    /// A warning, shown in yellow.
    Warning,
    /// A fault, shown in red.
    Fault,
}

/// Whether lines are coloured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Colors(bool);

impl Colors {
    /// Colours are used on a terminal, unless `NO_COLOR` is not empty (<https://no-color.org>) or `TERM` is `dumb`.
    pub(super) fn of_standard_output() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self(io::stdout().is_terminal() && !refused && !dumb)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.paint(Tone::Dim, text)
    }

    /// Adds the escape codes of the tone (SGR parameters of ECMA-48). Without colours, returns the text unchanged.
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
