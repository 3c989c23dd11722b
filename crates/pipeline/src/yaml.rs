//! Reads the part of YAML that all readers understand in the same way. All other syntax is rejected, with its
//! line.

use std::iter::Peekable;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput};
use serde_json::Value;
use unicode_normalization::is_nfc;

use crate::node::{Content, Node};
use crate::rule::Rule;
use crate::scalar::{Plain, plain};

/// The maximum nesting of a pipeline file. The functions read the JSON form, where the limit is 128 levels.
const DEEPEST: usize = 100;

/// A line that breaks a rule.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) line: usize,
    pub(crate) rule: Rule,
    /// Replaces `{}` in the rule's text.
    pub(crate) detail: String,
}

/// Reads the content of a pipeline file. The error has every fault that was found, each with its line.
pub(crate) fn read(bytes: &[u8]) -> Result<Node, Vec<Fault>> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let line = bytes[..error.valid_up_to()].split(|&byte| byte == b'\n').count();
            return Err(vec![Fault { line, rule: Rule::Encoding, detail: String::new() }]);
        }
    };
    let faults = characters(text);
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut reader = Reader {
        characters: text.chars().collect(),
        events: Parser::new_from_str(text).peekable(),
        faults: Vec::new(),
        last: Span::default(),
    };
    let root = reader.document();
    match root {
        Ok(root) if reader.faults.is_empty() => Ok(root),
        Ok(_) => Err(reader.faults),
        Err(fault) => {
            reader.faults.push(fault);
            Err(reader.faults)
        }
    }
}

/// Finds lines with characters that readers treat differently, comments included. At most one fault per line.
fn characters(text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        let mut fault = |rule, detail| faults.push(Fault { line: index + 1, rule, detail });
        if index == 0 && line.starts_with('\u{feff}') {
            fault(Rule::ByteOrderMark, String::new());
        } else if line.contains('\r') {
            fault(Rule::LineEnd, String::new());
        } else if line.contains('\t') {
            fault(Rule::Tab, String::new());
        } else if let Some(strange) = line.chars().find(|&c| !is_printable(c)) {
            fault(Rule::Character, code_point(strange));
        } else if !is_nfc(line) {
            fault(Rule::Normalized, line.trim().to_owned());
        } else if is_marker(line) {
            fault(Rule::Marker, String::new());
        }
    }
    faults
}

/// Whether the line is a directive, the end of a document, or the start of a document with text after it.
fn is_marker(line: &str) -> bool {
    let begins = line.strip_prefix("---").map(str::trim_start);
    line.starts_with('%')
        || line.starts_with("...")
        || begins.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('#'))
}

/// YAML 1.1 breaks lines at U+0085, U+2028 and U+2029, 1.2 does not.
fn is_printable(c: char) -> bool {
    let barred = matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    !c.is_control() && !barred
}

/// A character as `U+00E9`, for messages.
fn code_point(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

/// Reads the events of the YAML parser.
struct Reader<'a> {
    /// The text, for spans: the parser counts characters, not bytes.
    characters: Vec<char>,
    events: Peekable<Parser<'a, StrInput<'a>>>,
    /// Faults after which reading continues.
    faults: Vec<Fault>,
    /// The position of the last event in the text.
    last: Span,
}

impl<'a> Reader<'a> {
    /// Adds a fault after which reading continues.
    fn fault(&mut self, line: usize, rule: Rule, detail: impl Into<String>) {
        self.faults.push(Fault { line, rule, detail: detail.into() });
    }

    /// The next event of the parser, or a fault at the line of its error.
    fn next(&mut self) -> Result<(Event<'a>, Span), Fault> {
        match self.events.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let line = error.marker().line().max(1);
                Err(Fault { line, rule: Rule::Syntax, detail: error.info() })
            }
            None => Err(Fault { line: 1, rule: Rule::NoMap, detail: String::new() }),
        }
    }

    /// Reads the only document of the file. Its root must be a map.
    fn document(&mut self) -> Result<Node, Fault> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            let line = span.start.line().max(1);
            match event {
                Event::StreamStart | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                Event::DocumentStart(..) if root.is_some() => {
                    return Err(Fault { line, rule: Rule::OneDocument, detail: String::new() });
                }
                Event::DocumentStart(..) => root = Some(self.node(0)?),
                _ => return Err(Fault { line, rule: Rule::NoMap, detail: String::new() }),
            }
        }
        let no_map = |line| Fault { line, rule: Rule::NoMap, detail: String::new() };
        let root = root.ok_or(no_map(1))?;
        if matches!(root.content, Content::Map(_)) { Ok(root) } else { Err(no_map(root.line)) }
    }

    /// Reads a value: a scalar, a list or a map.
    fn node(&mut self, depth: usize) -> Result<Node, Fault> {
        let (event, span) = self.next()?;
        let line = span.start.line().max(1);
        if depth > DEEPEST {
            return Err(Fault { line, rule: Rule::Depth, detail: String::new() });
        }
        let marks = event.anchor_id().is_some() || event.is_alias();
        if marks {
            self.fault(line, Rule::Anchor, "");
        }
        if event.tag().is_some() {
            self.fault(line, Rule::Tag, "");
        }
        let tagged = marks || event.tag().is_some();
        self.last = span;
        let content = match event {
            Event::Scalar(text, style, ..) => Content::Scalar(self.scalar(&text, style, span, tagged)),
            Event::SequenceStart(..) => Content::List(self.list(depth)?),
            Event::MappingStart(..) => Content::Map(self.map(depth)?),
            _ => Content::Scalar(Value::Null),
        };
        Ok(Node { line, content })
    }

    /// Whether the next event is `end`.
    fn peek_ends(&mut self, end: &Event<'_>) -> bool {
        matches!(self.events.peek(), Some(Ok((event, _))) if event == end)
    }

    /// Reads the values of a list.
    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Fault> {
        let mut list = Vec::new();
        while !self.peek_ends(&Event::SequenceEnd) {
            list.push(self.node(depth + 1)?);
        }
        self.next()?;
        Ok(list)
    }

    /// Reads the entries of a map. Each key must be a text on one line, and occur once.
    fn map(&mut self, depth: usize) -> Result<Vec<(String, Node)>, Fault> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        while !self.peek_ends(&Event::MappingEnd) {
            let key = self.node(depth + 1)?;
            // Terraform refuses a key of several lines, and a key whose colon is on another line.
            let behind = self.characters.get(self.last.end.index()..).unwrap_or_default();
            let whole = behind.iter().find(|&&c| c != ' ') == Some(&':')
                && self.last.start.line() == self.last.end.line();
            let mut value = self.node(depth + 1)?;
            if !matches!(value.content, Content::Scalar(_)) {
                value.line = key.line;
            }
            let Content::Scalar(Value::String(name)) = key.content else {
                self.fault(key.line, Rule::PlainKey, "");
                continue;
            };
            if !whole {
                self.fault(key.line, Rule::PlainKey, "");
            }
            if entries.iter().any(|(other, _)| *other == name) {
                self.fault(key.line, Rule::DuplicateKey, name.as_str());
            }
            entries.push((name, value));
        }
        self.next()?;
        Ok(entries)
    }

    /// Reads a scalar. Adds a fault unless all readers give it the same value.
    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span, tagged: bool) -> Value {
        let line = span.start.line().max(1);
        match (style, plain(text)) {
            (ScalarStyle::Plain, Plain::Text)
                if text.starts_with(':') || text.contains('?') || span.start.line() != span.end.line() =>
            {
                self.fault(line, Rule::Ambiguous, text);
            }
            (ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted, _) | (_, Plain::Text) => {}
            _ if tagged => {}
            (ScalarStyle::Plain, Plain::Integer(integer)) => return integer.into(),
            (ScalarStyle::Plain, Plain::Truth(truth)) => return truth.into(),
            (ScalarStyle::Plain, Plain::Null) => self.fault(line, Rule::NoValue, ""),
            // Terraform reads a block (`|` or `>`) like text without quotes.
            _ => self.fault(line, Rule::Ambiguous, text),
        }
        if style == ScalarStyle::DoubleQuoted {
            self.escapes(span, line);
        }
        if let Some(strange) = text.chars().find(|&c| c != '\n' && !is_printable(c)) {
            self.fault(line, Rule::Character, code_point(strange));
        }
        if !is_nfc(text) {
            self.fault(line, Rule::Normalized, text);
        }
        text.into()
    }

    /// Adds a fault for each escape `\/`, which Terraform does not support.
    fn escapes(&mut self, span: Span, line: usize) {
        let source = self.characters.get(span.start.index()..span.end.index()).unwrap_or_default();
        let mut rest = source.iter();
        while let Some(c) = rest.next() {
            if *c == '\\' && rest.next() == Some(&'/') {
                self.faults.push(Fault { line, rule: Rule::Escape, detail: "/".to_owned() });
            }
        }
    }
}
