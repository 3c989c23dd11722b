//! A strict reader for one record's JSON (RFC 8259).
//!
//! Fast JSON libraries do not check the parts that they skip or return as raw text: bad escapes pass, and deep nesting
//! can exhaust the stack. But a `json` field is stored as its original text. So this reader checks everything, and
//! every reader of the tables can parse what it accepts.

use std::borrow::Cow;

use crate::number::Number;
use crate::poison::Poison;

/// The maximum nesting depth of a record. The record itself is level 1.
pub(crate) const MAX_DEPTH: u32 = 128;

/// Why a text was refused, and at which byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The text is not JSON: the reason, and the byte.
    Syntax(&'static str, usize),
    /// The text nests deeper than [`MAX_DEPTH`] at this byte.
    Depth(usize),
}

impl Fault {
    /// Converts the fault to the reason for parking the record. `place` says where in the record it is.
    pub(crate) fn poison(self, place: &str) -> Poison {
        Poison(match self {
            Self::Syntax(what, at) => format!("not JSON: {what}{place} (byte {at})"),
            Self::Depth(at) => format!("nested deeper than {MAX_DEPTH} levels{place} (byte {at})"),
        })
    }
}

/// A string between its quotes, with its escapes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a> {
    raw: &'a str,
    /// Whether the text contains an escape.
    escaped: bool,
}

impl<'a> Text<'a> {
    /// The string without its escapes.
    pub(crate) fn unescaped(self) -> Cow<'a, str> {
        if !self.escaped {
            return Cow::Borrowed(self.raw);
        }
        // The escapes were checked before, so this always parses.
        Cow::Owned(serde_json::from_str(&format!("\"{}\"", self.raw)).unwrap_or_default())
    }

    /// Whether the string without its escapes equals `text`.
    pub(crate) fn is(self, text: &str) -> bool {
        if self.escaped { self.unescaped() == text } else { self.raw == text }
    }
}

/// A JSON value as text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw<'a> {
    /// The text, exactly as in the record.
    pub(crate) text: &'a str,
    /// Why Postgres' `jsonb` cannot hold the value; `None` if it can.
    pub(crate) unholdable: Option<&'static str>,
}

/// Reads a text from start to end.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    /// The index of the next byte.
    at: usize,
    /// The number of open objects and lists.
    depth: u32,
    /// Whether the last string contained a NUL.
    nul: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0, nul: false }
    }

    /// Skips white space and returns the next byte without reading it.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.byte(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                other => return other,
            }
        }
    }

    /// Checks that only white space is left.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        if self.peek().is_some() { Err(self.fault("something follows the value")) } else { Ok(()) }
    }

    /// Enters an object. The caller has checked that `{` is next.
    pub(crate) fn enter_object(&mut self) -> Result<(), Fault> {
        self.enter()
    }

    /// Moves to the value of the object's next key and returns the key; `None` at the end of the object. `first` is
    /// true for the first key.
    #[inline]
    pub(crate) fn next_key(&mut self, first: bool) -> Result<Option<Text<'a>>, Fault> {
        match self.peek() {
            Some(b'}') => {
                self.leave();
                Ok(None)
            }
            Some(b',') if !first => {
                self.at += 1;
                self.key().map(Some)
            }
            Some(b'"') if first => self.key().map(Some),
            None => Err(self.ended()),
            Some(_) => Err(self.fault(if first { KEY_OR_END } else { COMMA_OR_BRACE })),
        }
    }

    /// Reads a key and the `:` after it.
    #[inline]
    fn key(&mut self) -> Result<Text<'a>, Fault> {
        if self.peek() != Some(b'"') {
            return Err(self.expected("a key is expected"));
        }
        let key = self.string()?;
        if self.peek() != Some(b':') {
            return Err(self.expected("`:` is expected"));
        }
        self.at += 1;
        Ok(key)
    }

    /// Reads a string. The caller has checked that a quote is next.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<Text<'a>, Fault> {
        let start = self.at + 1;
        self.at = start;
        self.nul = false;
        let mut escaped = false;
        loop {
            self.at += plain_bytes(self.text.as_bytes().get(self.at..).unwrap_or_default());
            match self.byte(self.at) {
                Some(b'"') => {
                    let raw = self.since(start);
                    self.at += 1;
                    return Ok(Text { raw, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.fault("a control character in a string")),
                None => return Err(self.ended()),
            }
        }
    }

    /// Checks one escape. A surrogate must be followed by its other half.
    fn escape(&mut self) -> Result<(), Fault> {
        match self.byte(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => match self.code_unit(self.at)? {
                0xd800..=0xdbff => {
                    let paired =
                        self.byte(self.at + 6) == Some(b'\\') && self.byte(self.at + 7) == Some(b'u');
                    if !paired || !(0xdc00..=0xdfff).contains(&self.code_unit(self.at + 6)?) {
                        return Err(self.fault(HALF_A_PAIR));
                    }
                    self.at += 12;
                }
                0xdc00..=0xdfff => return Err(self.fault(HALF_A_PAIR)),
                unit => {
                    self.nul |= unit == 0;
                    self.at += 6;
                }
            },
            Some(_) => return Err(self.fault(BAD_ESCAPE)),
            None => return Err(self.ended()),
        }
        Ok(())
    }

    /// The value of the `\uXXXX` escape at `at`.
    fn code_unit(&self, at: usize) -> Result<u32, Fault> {
        (at + 2..at + 6).try_fold(0, |unit, at| {
            match self.byte(at).map(|byte| char::from(byte).to_digit(16)) {
                Some(Some(digit)) => Ok((unit << 4) | digit),
                Some(None) => Err(self.fault(BAD_ESCAPE)),
                None => Err(self.ended()),
            }
        })
    }

    /// Reads a number. The caller has checked that a digit or `-` is next.
    #[inline]
    pub(crate) fn number(&mut self) -> Result<(&'a str, Number<'a>), Fault> {
        let start = self.at;
        let negative = self.byte(start) == Some(b'-');
        self.at += usize::from(negative);
        let whole = self.digits()?;
        if whole.len() > 1 && whole.starts_with('0') {
            return Err(Fault::Syntax("a number begins with 0", start));
        }
        let mut fraction = "";
        if self.byte(self.at) == Some(b'.') {
            self.at += 1;
            fraction = self.digits()?;
        }
        let mut exponent = None;
        if matches!(self.byte(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            let sign = self.at;
            self.at += usize::from(matches!(self.byte(sign), Some(b'+' | b'-')));
            self.digits()?;
            exponent = Some(self.since(sign));
        }
        Ok((self.since(start), Number::of_parts(negative, whole, fraction, exponent)))
    }

    /// The text from `start` to the current byte.
    #[inline]
    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Reads one or more digits.
    #[inline]
    fn digits(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        while self.byte(self.at).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(self.since(start)) } else { Err(self.expected("a digit is expected")) }
    }

    /// Reads `true`, `false` or `null`.
    pub(crate) fn literal(&mut self, literal: &str) -> Result<(), Fault> {
        if !self.text.get(self.at..).unwrap_or_default().starts_with(literal) {
            return Err(self.fault(NO_VALUE));
        }
        self.at += literal.len();
        Ok(())
    }

    /// Reads any value and checks all of it. It does not recurse, so deep nesting cannot exhaust the stack.
    pub(crate) fn value(&mut self) -> Result<Raw<'a>, Fault> {
        self.peek();
        let (start, base) = (self.at, self.depth);
        // One bit per open level: 1 for an object, 0 for a list. MAX_DEPTH bits are enough.
        let mut objects = 0_u128;
        let mut unholdable = None;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                    unholdable = unholdable.or(self.nul_found());
                }
                Some(b'-' | b'0'..=b'9') => {
                    let (_, number) = self.number()?;
                    unholdable =
                        unholdable.or((!number.fits_numeric()).then_some("a number beyond `numeric`"));
                }
                Some(b't') => self.literal("true")?,
                Some(b'f') => self.literal("false")?,
                Some(b'n') => self.literal("null")?,
                Some(b'{') => {
                    self.enter()?;
                    if self.next_key(true)?.is_some() {
                        unholdable = unholdable.or(self.nul_found());
                        objects = (objects << 1) | 1;
                        continue;
                    }
                }
                Some(b'[') => {
                    self.enter()?;
                    if self.peek() == Some(b']') {
                        self.leave();
                    } else {
                        objects <<= 1;
                        continue;
                    }
                }
                Some(_) => return Err(self.fault(NO_VALUE)),
                None => return Err(self.ended()),
            }
            // After a value: close all levels that end with it.
            loop {
                if self.depth == base {
                    return Ok(Raw { text: self.since(start), unholdable });
                }
                if objects & 1 == 1 {
                    if self.next_key(false)?.is_some() {
                        unholdable = unholdable.or(self.nul_found());
                        break;
                    }
                } else {
                    match self.peek() {
                        Some(b',') => {
                            self.at += 1;
                            break;
                        }
                        Some(b']') => self.leave(),
                        _ => return Err(self.expected("`,` or `]` is expected")),
                    }
                }
                objects >>= 1;
            }
        }
    }

    /// The reason against `jsonb` if the last string contained a NUL.
    fn nul_found(&self) -> Option<&'static str> {
        self.nul.then_some("a NUL (`\\u0000`)")
    }

    /// Enters an object or a list. Fails at the maximum depth.
    fn enter(&mut self) -> Result<(), Fault> {
        if self.depth == MAX_DEPTH {
            return Err(Fault::Depth(self.at));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// Leaves an object or a list, whose closing bracket is next.
    fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.at += 1;
    }

    #[inline]
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn fault(&self, what: &'static str) -> Fault {
        Fault::Syntax(what, self.at)
    }

    /// The fault for a text that ends too early.
    fn ended(&self) -> Fault {
        Fault::Syntax("the text ends too early", self.text.len())
    }

    /// The fault for a missing token: something else is there, or the text has ended.
    fn expected(&self, what: &'static str) -> Fault {
        if self.at < self.text.len() { self.fault(what) } else { self.ended() }
    }
}

const HALF_A_PAIR: &str = "half of a surrogate pair in a string";
const BAD_ESCAPE: &str = "an escape that JSON does not have";
const NO_VALUE: &str = "a value is expected";
const KEY_OR_END: &str = "a key or `}` is expected";
const COMMA_OR_BRACE: &str = "`,` or `}` is expected";

/// The number of bytes at the start of `bytes` that are neither a quote, a backslash nor a control character. Checks
/// eight bytes at a time.
#[inline]
fn plain_bytes(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word & HIGHS;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = below(word ^ (ONES * u64::from(b'"')), 1);
        let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
        // A borrow can mark a byte wrongly, but only above a byte that is marked correctly. The lowest mark counts.
        let special = below(word, 0x20) | quote | backslash;
        if special != 0 {
            return index * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    let plain = |&&byte: &&u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    words.len() * 8 + rest.iter().take_while(plain).count()
}
