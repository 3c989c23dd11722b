//! The elements of a JSON array of any length, cut out as the bytes of its file arrive.
//!
//! An element ends where its comma or the array's closing bracket stands; what lies between is not parsed. So one that
//! is not valid JSON costs only itself, when its own parse fails. `[1,,2]` has three elements and `[1,]` has two: the
//! empty one fails its parse like any other.

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

/// A place between two elements. Two integers, fit to be stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Index of the next element.
    pub element: u64,
    /// Offset in the file behind the last element; 0 before the first one.
    pub byte: u64,
}

/// One element, as it stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// 0 for the array's first.
    pub index: u64,
    /// Offset of its first byte in the file.
    pub start: u64,
    /// Its text without the white space around it; valid JSON or not.
    pub bytes: &'a [u8],
}

/// What [`ElementReader::next_piece`] cuts out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// An element.
    Element(Element<'a>),
    /// An element beyond the limit; its bytes were dropped.
    TooLong {
        /// 0 for the array's first.
        index: u64,
        /// Offset of its first byte in the file.
        start: u64,
        /// Bytes without the white space around it.
        length: u64,
    },
}

/// Where in the file the next byte belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Before the opening bracket; this many bytes of a byte order mark have come.
    Before { mark: usize },
    /// Behind the opening bracket.
    Opened,
    /// Behind a comma.
    BehindComma,
    /// In an element, at its first byte or later.
    Inside,
    /// Behind an element, before its comma or the closing bracket.
    BehindElement,
    /// Behind the closing bracket.
    Closed,
    /// Nothing is read any more.
    Damaged(Damage),
}

/// Cuts a JSON array into its elements. It holds what was pushed and not yet read, and of an element that spans several
/// pushes no more than the limit.
#[derive(Debug)]
pub struct ElementReader {
    limit: usize,
    chunk: Bytes,
    /// How much of `chunk` is dealt with.
    read: usize,
    waiting: VecDeque<Bytes>,
    phase: Phase,
    /// Offset in the file of the next byte.
    byte: u64,
    position: Position,
    /// Offset in the file of the element that is being read.
    start: u64,
    scanner: Scanner,
    /// The beginning of an element whose end was not in the same chunk.
    held: Vec<u8>,
}

impl ElementReader {
    /// Reads from the file's first byte. Elements of more than `limit` bytes are skipped.
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

    /// Goes on behind `position`, which another reader of the same file reported: the first byte pushed must be the one
    /// at `position.byte`.
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

    /// The next element, or `None` until more bytes are pushed. Damage is final.
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

    /// Whether the file was one whole array. To be asked behind its last byte, once [`Self::next_piece`] has nothing
    /// more.
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

    /// Behind the last piece that was returned.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    fn has_unread(&mut self) -> bool {
        if self.read == self.chunk.len() {
            self.read = 0;
            self.chunk = self.waiting.pop_front().unwrap_or_default();
        }
        !self.chunk.is_empty()
    }

    /// A stored position may hold any number, so offsets saturate where they would overflow.
    fn advance(&mut self, bytes: usize) {
        self.read += bytes;
        self.byte = self.byte.saturating_add(bytes as u64);
    }

    /// Takes a byte between elements that is not white space, unless it is the first of an element.
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

    /// The element that ends `end` bytes further on.
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

    fn fail(&mut self, damage: Damage) -> Damage {
        self.phase = Phase::Damaged(damage);
        self.waiting.clear();
        self.chunk.clear();
        self.read = 0;
        damage
    }
}

/// What exceeds the limit is not needed: either it is white space behind the element, or the element is too long.
fn hold(held: &mut Vec<u8>, part: &[u8], limit: usize) {
    let room = limit.saturating_sub(held.len());
    held.extend_from_slice(&part[..part.len().min(room)]);
}
