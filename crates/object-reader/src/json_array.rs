//! Splits a JSON array of any length into its elements while the bytes of its file arrive.
//!
//! An element ends at its comma or at the array's closing bracket. The text between is not parsed here. The caller
//! parses each element, so an element that is not valid JSON does not affect the others. `[1,,2]` has three elements
//! and `[1,]` has two; the empty element fails the caller's parser.

mod damage;
mod scanner;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::text::BYTE_ORDER_MARK;

pub use damage::Damage;
use scanner::{Scanner, is_white};

/// A place between two elements. It can be stored, and reading can resume from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The index of the next element.
    pub element: u64,
    /// The offset in the file right after the last element; 0 before the first element.
    pub byte: u64,
}

/// The text of one element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// The element's index in the array, from 0.
    pub index: u64,
    /// The offset of its first byte in the file.
    pub start: u64,
    /// Its text without surrounding white space. The text may be invalid JSON.
    pub bytes: &'a [u8],
}

/// The result of [`ElementReader::next_piece`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// An element.
    Element(Element<'a>),
    /// An element that is longer than the limit. Its bytes were dropped.
    TooLong {
        /// The element's index in the array, from 0.
        index: u64,
        /// The offset of its first byte in the file.
        start: u64,
        /// Its length in bytes, without surrounding white space.
        length: u64,
    },
}

/// The part of the file to which the next byte belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Before the opening bracket. `mark` is the number of bytes of a byte order mark that were read.
    Before { mark: usize },
    /// After the opening bracket, before the first element.
    Opened,
    /// After a comma, before the next element.
    BehindComma,
    /// In an element, at its first byte or later.
    Inside,
    /// After an element, before its comma or the closing bracket.
    BehindElement,
    /// After the closing bracket.
    Closed,
    /// The reader found an error and accepts no more bytes.
    Damaged(Damage),
}

/// Splits a JSON array into its elements. It keeps the pushed bytes that were not read yet. Of an element that spans
/// several pushes it keeps at most `limit` bytes.
#[derive(Debug)]
pub struct ElementReader {
    /// The longest element in bytes that is returned.
    limit: usize,
    /// The push that is being read.
    chunk: Bytes,
    /// The number of bytes of `chunk` that were read.
    read: usize,
    /// The pushes after `chunk`.
    waiting: VecDeque<Bytes>,
    phase: Phase,
    /// The offset of the next byte in the file.
    byte: u64,
    /// The position after the last returned piece.
    position: Position,
    /// The offset in the file of the element that is being read.
    start: u64,
    /// The state of the element that is being read.
    scanner: Scanner,
    /// The beginning of an element that started in an earlier chunk.
    held: Vec<u8>,
}

impl ElementReader {
    /// Reads from the file's first byte. An element of more than `limit` bytes becomes a [`Piece::TooLong`].
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            chunk: Bytes::new(),
            read: 0,
            waiting: VecDeque::new(),
            phase: Phase::Before { mark: 0 },
            byte: 0,
            position: Position::default(),
            start: 0,
            scanner: Scanner::default(),
            held: Vec::new(),
        }
    }

    /// Continues after `position`, which another reader of the same file returned. The first pushed byte must be the
    /// one at offset `position.byte`. If the file has changed and no element ends there, [`Self::next_piece`] returns
    /// [`Damage::NotResumable`].
    #[must_use]
    pub fn resume(position: Position, limit: usize) -> Self {
        let fresh = Self::new(limit);
        if position.element == 0 {
            return fresh;
        }
        Self { phase: Phase::BehindElement, byte: position.byte, position, ..fresh }
    }

    /// Adds the file's next bytes.
    pub fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() && !matches!(self.phase, Phase::Damaged(_)) {
            self.waiting.push_back(bytes);
        }
    }

    /// Returns the next element, or `None` if more bytes must be pushed first.
    ///
    /// # Errors
    /// [`Damage`] if the file is not an array, has content after it, or does not fit the resumed position.
    /// After an error, every call returns the same error.
    pub fn next_piece(&mut self) -> Result<Option<Piece<'_>>, Damage> {
        if let Phase::Damaged(damage) = self.phase {
            return Err(damage);
        }
        while self.has_unread() {
            let rest = &self.chunk[self.read..];
            if self.phase == Phase::Inside {
                if let Some(end) = self.scanner.scan(rest) {
                    return Ok(Some(self.cut(end)));
                }
                hold(&mut self.held, rest, self.limit);
                self.advance(rest.len());
            } else {
                let white = rest.iter().take_while(|byte| is_white(**byte)).count();
                let next = rest.get(white).copied();
                self.advance(white);
                if let Some(next) = next {
                    self.step(next).map_err(|damage| self.fail(damage))?;
                }
            }
        }
        Ok(None)
    }

    /// Checks that the file was one complete array. Call it after the last byte was pushed and
    /// [`Self::next_piece`] returned `None`.
    ///
    /// # Errors
    /// [`Damage::Empty`] or [`Damage::Truncated`], or the error of an earlier call.
    pub fn finish(&mut self) -> Result<(), Damage> {
        let unread = self.has_unread();
        let damage = match self.phase {
            Phase::Closed if !unread => return Ok(()),
            Phase::Damaged(damage) => damage,
            Phase::Before { .. } => Damage::Empty,
            _ => Damage::Truncated { elements: self.position.element, byte: self.byte },
        };
        Err(self.fail(damage))
    }

    /// The position after the last returned piece.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Takes the next waiting push if the current one is used up. Returns whether there are unread bytes.
    fn has_unread(&mut self) -> bool {
        if self.read == self.chunk.len() {
            self.read = 0;
            self.chunk = self.waiting.pop_front().unwrap_or_default();
        }
        !self.chunk.is_empty()
    }

    /// Moves on by `bytes`. The addition saturates because a stored position may hold any number.
    fn advance(&mut self, bytes: usize) {
        self.read += bytes;
        self.byte = self.byte.saturating_add(bytes as u64);
    }

    /// Processes a byte between elements that is not white space. The first byte of an element is not
    /// consumed here, because the scanner must see it.
    fn step(&mut self, next: u8) -> Result<(), Damage> {
        let (elements, byte) = (self.position.element, self.byte);
        self.phase = match (self.phase, next) {
            (Phase::Before { mark: 0 | 3 }, b'[') => Phase::Opened,
            (Phase::Before { mark }, _)
                if byte == mark as u64 && BYTE_ORDER_MARK.get(mark) == Some(&next) =>
            {
                Phase::Before { mark: mark + 1 }
            }
            (Phase::Before { .. }, _) => return Err(Damage::not_an_array(next)),
            (Phase::Opened | Phase::BehindElement, b']') => Phase::Closed,
            (Phase::BehindElement, b',') => Phase::BehindComma,
            (Phase::BehindElement, _) => return Err(Damage::NotResumable { elements, byte }),
            (Phase::Closed, _) => return Err(Damage::TrailingContent { elements, byte }),
            (Phase::Damaged(damage), _) => return Err(damage),
            (Phase::Opened | Phase::BehindComma | Phase::Inside, _) => {
                self.start = byte;
                self.scanner = Scanner::default();
                self.held.clear();
                self.phase = Phase::Inside;
                return Ok(());
            }
        };
        self.advance(1);
        Ok(())
    }

    /// Returns the current element, whose end is `end` bytes ahead in the chunk. Its bytes are copied only if
    /// it spans several pushes.
    fn cut(&mut self, end: usize) -> Piece<'_> {
        let (index, start, length) = (self.position.element, self.start, self.scanner.length());
        let first = self.read;
        self.advance(end);
        self.phase = Phase::BehindElement;
        self.position = Position { element: index.saturating_add(1), byte: start.saturating_add(length) };
        match usize::try_from(length) {
            Ok(whole) if whole <= self.limit => {
                let bytes = if self.held.is_empty() {
                    &self.chunk[first..first + whole]
                } else {
                    hold(&mut self.held, &self.chunk[first..first + end], self.limit);
                    &self.held[..whole]
                };
                Piece::Element(Element { index, start, bytes })
            }
            _ => Piece::TooLong { index, start, length },
        }
    }

    /// Keeps the error for later calls and drops all bytes.
    fn fail(&mut self, damage: Damage) -> Damage {
        self.phase = Phase::Damaged(damage);
        self.waiting.clear();
        self.chunk.clear();
        self.read = 0;
        damage
    }
}

/// Appends `part` to `held`, up to `limit` bytes. Bytes beyond the limit are not needed: either they are white space
/// after the element, or the element is too long.
fn hold(held: &mut Vec<u8>, part: &[u8], limit: usize) {
    let room = limit.saturating_sub(held.len());
    held.extend_from_slice(&part[..part.len().min(room)]);
}
