//! Writes a value as YAML in a random style.

use std::fmt::Write;

use proptest::prelude::*;
use serde_json::Value;

/// The YAML of random values.
pub(crate) fn files(values: impl Strategy<Value = Value>) -> impl Strategy<Value = String> {
    (values, prop::collection::vec(any::<u8>(), 64)).prop_map(|(value, choices)| {
        let mut writer = Writer { choices, next: 0, out: String::new() };
        if writer.one_in(4) {
            writer.out.push_str("# a file: 'of' \"comments\" - [and {more\n---\n");
        }
        writer.block(&value, 0);
        writer.out.trim_start_matches('\n').to_owned()
    })
}

/// Writes YAML. The random choices decide about quotes, indentation, comments and flow style.
struct Writer {
    choices: Vec<u8>,
    next: usize,
    out: String,
}

impl Writer {
    /// A number below `of`, from the next choice.
    fn choose(&mut self, of: u8) -> u8 {
        self.next += 1;
        // The choices are read in a cycle. Each round multiplies them by another odd number.
        let round = u8::try_from(self.next / self.choices.len() % 251).unwrap();
        self.choices[self.next % self.choices.len()].wrapping_mul(2 * round + 1) / 3 % of
    }

    /// Whether one choice in `many` is taken.
    fn one_in(&mut self, many: u8) -> bool {
        self.choose(many) == 0
    }

    /// The end of a line, sometimes with a comment.
    fn end_line(&mut self) {
        match self.choose(8) {
            0 => self.out.push_str(" # comment: no value"),
            1 => self.out.push_str("   "),
            _ => {}
        }
        self.out.push('\n');
        if self.one_in(12) {
            self.out.push_str("\n    # between lines\n");
        }
    }

    /// The text after `key:` or `-`, with the end of the line.
    fn value(&mut self, value: &Value, indent: usize) {
        let empty = matches!(value, Value::Array(list) if list.is_empty());
        match value {
            Value::Object(_) | Value::Array(_) if !empty && !self.one_in(3) => {
                self.end_line();
                self.block(value, indent);
            }
            Value::String(text) if self.one_in(5) && is_block(text) => self.block_text(text, indent),
            _ => {
                self.out.push(' ');
                self.flow(value, indent);
                self.end_line();
            }
        }
    }

    /// A map or a list in block style: one entry per line.
    fn block(&mut self, value: &Value, indent: usize) {
        let spaces = " ".repeat(indent);
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let _ = write!(self.out, "{spaces}");
                    self.key(key);
                    self.out.push(':');
                    // A list can have the same indentation as its key.
                    let deeper = if value.is_array() && self.one_in(3) { 0 } else { 1 + self.choose(4) };
                    self.value(value, indent + usize::from(deeper));
                }
            }
            Value::Array(list) => {
                for value in list {
                    let _ = write!(self.out, "{spaces}-");
                    self.value(value, indent + 1 + usize::from(self.next.is_multiple_of(3)));
                }
            }
            _ => self.value(value, indent),
        }
    }

    /// A key, with or without quotes.
    fn key(&mut self, key: &str) {
        match self.choose(10) {
            0 => self.out.extend(["\"", key, "\""]),
            1 => self.out.extend(["'", key, "'"]),
            _ => self.out.push_str(key),
        }
    }

    /// A value in flow style: with brackets, quotes and commas.
    fn flow(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Object(map) => {
                self.out.push('{');
                for (index, (key, value)) in map.iter().enumerate() {
                    self.separate(index, indent);
                    self.key(key);
                    self.out.push_str(": ");
                    self.flow(value, indent);
                }
                self.close('}');
            }
            Value::Array(list) => {
                self.out.push('[');
                for (index, value) in list.iter().enumerate() {
                    self.separate(index, indent);
                    self.flow(value, indent);
                }
                self.close(']');
            }
            Value::String(text) => self.text(text, indent),
            _ => self.out.push_str(&value.to_string()),
        }
    }

    /// The text before an entry in flow style: a comma after the first entry, and white space or a comment.
    fn separate(&mut self, index: usize, indent: usize) {
        if index > 0 {
            self.out.push(',');
        }
        if self.one_in(6) {
            let _ = write!(self.out, " # in between\n{} ", " ".repeat(indent));
        } else {
            self.out.push(' ');
        }
    }

    fn close(&mut self, bracket: char) {
        if self.one_in(4) {
            self.out.push(' ');
        }
        self.out.push(bracket);
    }

    /// A text without quotes, in single quotes or in double quotes.
    fn text(&mut self, text: &str, indent: usize) {
        match self.choose(3) {
            0 if is_plain(text) => self.out.push_str(text),
            1 if !text.contains('\n') => {
                let _ = write!(self.out, "'{}'", text.replace('\'', "''"));
            }
            _ => self.double_quoted(text, indent),
        }
    }

    /// A text in double quotes, with random escapes and line breaks.
    fn double_quoted(&mut self, text: &str, indent: usize) {
        self.out.push('"');
        let mut before = ' ';
        for (index, c) in text.char_indices() {
            let after = text[index + c.len_utf8()..].chars().next();
            let inside = !before.is_whitespace() && after.is_some_and(|c| c.is_ascii_alphanumeric());
            match c {
                '"' | '\\' => {
                    let _ = write!(self.out, "\\{c}");
                }
                '\n' => self.out.push_str("\\n"),
                // A single space between words can become a line break.
                ' ' if inside && self.one_in(2) => {
                    let _ = write!(self.out, "\n{} ", " ".repeat(indent));
                }
                c if self.one_in(10) => {
                    let code = u32::from(c);
                    let _ = match code {
                        ..=0x7f => write!(self.out, "\\x{code:02x}"),
                        0x80..=0xffff => write!(self.out, "\\u{code:04X}"),
                        _ => write!(self.out, "\\U{code:08X}"),
                    };
                }
                c => self.out.push(c),
            }
            before = c;
        }
        self.out.push('"');
    }

    /// `|` or `>`, with the indicator for the last line break.
    fn block_text(&mut self, text: &str, indent: usize) {
        let folded = !text.trim_end_matches('\n').contains('\n') && self.one_in(2);
        let chomp = match (text.ends_with('\n'), self.one_in(3)) {
            (false, _) => "-",
            (true, true) => "+",
            (true, false) => "",
        };
        let _ = writeln!(self.out, " {}{chomp}", if folded { '>' } else { '|' });
        let spaces = " ".repeat(indent.max(1));
        for line in text.trim_end_matches('\n').split('\n') {
            let _ = writeln!(self.out, "{}{line}", if line.is_empty() { "" } else { &spaces });
        }
    }
}

/// Text that needs no quotes, by a narrower rule than the reader's.
fn is_plain(text: &str) -> bool {
    let word = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let plain = |c: char| c.is_alphanumeric() || "/-_:#!".contains(c);
    text.starts_with(char::is_alphabetic)
        && text.chars().all(plain)
        && !text.ends_with(':')
        && !text.contains(":,")
        && !word.contains(&text.to_ascii_lowercase().as_str())
}

/// Text that a block can hold. It is not a word or number that needs quotes (which a block needs too). Its first line
/// is not empty or indented, and at most one line break follows.
fn is_block(text: &str) -> bool {
    let lines = text.trim_end_matches('\n');
    let wordless = lines.contains(' ') || is_plain(lines);
    wordless
        && !text.starts_with(['\n', ' '])
        && !text.ends_with("\n\n")
        && !text.trim_end_matches('\n').is_empty()
}
