//! Decompresses gzip content while it arrives, with a limit.
//!
//! The first two bytes decide whether content is compressed; the file's name does not matter. The decompressed content
//! is returned in small pieces and counted. So a small file that expands to gigabytes needs little memory, and reading
//! stops at the limit.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use bytes::{Buf, Bytes};
use flate2::{Decompress, FlushDecompress, Status};

/// The first two bytes of a gzip file (RFC 1952).
const MAGIC: [u8; 2] = [0x1F, 0x8B];
/// The largest window of the DEFLATE format is 2^15 bytes.
const WINDOW_BITS: u8 = 15;
/// The longest piece of decompressed content, in bytes.
const PIECE: usize = 64 * 1024;

/// Why compressed content cannot be read to its end. The pieces that were returned before may be wrong, because the
/// checksum is at the end of the content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadGzip {
    /// The content is not valid gzip, or its checksum or length is wrong.
    #[error("the gzip content is corrupt after {expanded} decompressed bytes: {reason}")]
    Corrupt {
        /// The number of decompressed bytes before the error.
        expanded: u64,
        /// The decompressor's message.
        reason: String,
    },
    /// The content ends in the middle of a gzip member.
    #[error("the gzip content ends early, after {expanded} decompressed bytes")]
    Truncated {
        /// The number of decompressed bytes before the end.
        expanded: u64,
    },
    /// The decompressed content is longer than the limit.
    #[error("the gzip content expands to more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
}

/// Returns whether content with this beginning is gzip.
#[must_use]
pub fn is_gzip(beginning: &[u8]) -> bool {
    beginning.starts_with(&MAGIC)
}

/// The state of the decompressor.
#[derive(Debug)]
enum Content {
    /// There are too few bytes to decide.
    Unknown,
    /// The content is not gzip and is returned unchanged.
    Plain,
    /// Inside a gzip member.
    Member(Decompress),
    /// After a gzip member. Another member may follow, because gzip files can be concatenated.
    BetweenMembers,
    /// The error that every further call returns.
    Bad(BadGzip),
}

/// Decompresses gzip content and returns other content unchanged.
#[derive(Debug)]
pub struct Inflater {
    /// The largest number of decompressed bytes.
    limit: u64,
    /// Pushed bytes that were not read yet.
    input: VecDeque<Bytes>,
    content: Content,
    /// The number of decompressed bytes so far.
    expanded: u64,
    /// The decompressor's output buffer; empty while no compressed content was seen.
    space: Vec<u8>,
}

impl Inflater {
    /// Compressed content may decompress to at most `limit` bytes. Content that is not compressed has no limit here:
    /// its length is known before it is read.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self { limit, input: VecDeque::new(), content: Content::Unknown, expanded: 0, space: Vec::new() }
    }

    /// Adds the content's next bytes.
    pub fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() && !matches!(self.content, Content::Bad(_)) {
            self.input.push_back(bytes);
        }
    }

    /// Returns the next piece of content, or `None` if more bytes must be pushed first. A decompressed piece
    /// has at most 64 KiB.
    ///
    /// # Errors
    /// [`BadGzip`]. After an error, every call returns the same error.
    pub fn next_piece(&mut self) -> Result<Option<Bytes>, BadGzip> {
        if matches!(self.content, Content::Unknown) {
            self.recognise();
        }
        match &self.content {
            Content::Unknown => Ok(None),
            Content::Plain => Ok(self.input.pop_front()),
            Content::Member(_) | Content::BetweenMembers => self.expand(),
            Content::Bad(fault) => Err(fault.clone()),
        }
    }

    /// Checks that the content was complete. Call it after the last byte was pushed and [`Self::next_piece`]
    /// returned `None`.
    ///
    /// # Errors
    /// [`BadGzip::Truncated`], or the error of an earlier call.
    pub fn finish(&mut self) -> Result<(), BadGzip> {
        match &self.content {
            Content::Unknown | Content::Plain | Content::BetweenMembers if self.input.is_empty() => Ok(()),
            Content::Bad(fault) => Err(fault.clone()),
            _ => Err(self.fail(BadGzip::Truncated { expanded: self.expanded })),
        }
    }

    /// Decides from the first two bytes whether the content is gzip. A file that consists only of the first magic byte
    /// stays `Unknown`, and `finish` reports it as truncated gzip.
    fn recognise(&mut self) {
        let mut begin = self.input.iter().flatten().copied();
        self.content = match (begin.next(), begin.next()) {
            (Some(first), Some(second)) if [first, second] == MAGIC => Content::BetweenMembers,
            (Some(first), None) if first == MAGIC[0] => return,
            (None, _) => return,
            _ => Content::Plain,
        };
    }

    /// Decompresses until a piece is full or the input is used up. If the content is corrupt after some bytes
    /// of the piece, these bytes are returned first and the error with the next call.
    fn expand(&mut self) -> Result<Option<Bytes>, BadGzip> {
        self.space.resize(PIECE, 0);
        let mut filled = 0;
        while filled < PIECE {
            let Content::Member(member) = &mut self.content else {
                if self.input.is_empty() {
                    break;
                }
                self.content = Content::Member(Decompress::new_gzip(WINDOW_BITS));
                continue;
            };
            let input = self.input.front().map_or(&[][..], |chunk| chunk);
            let before = (member.total_in(), member.total_out());
            let status = member.decompress(input, &mut self.space[filled..], FlushDecompress::None);
            let taken = moved(before.0, member.total_in());
            let given = moved(before.1, member.total_out());
            filled += given;
            self.expanded += given as u64;
            consume(&mut self.input, taken);
            if self.expanded > self.limit {
                return Err(self.fail(BadGzip::TooLarge { limit: self.limit }));
            }
            match status {
                Ok(Status::StreamEnd) => self.content = Content::BetweenMembers,
                Ok(_) if taken == 0 && given == 0 => break,
                Ok(_) => {}
                Err(fault) => {
                    let reason = fault.message().unwrap_or("not gzip").to_owned();
                    let fault = self.fail(BadGzip::Corrupt { expanded: self.expanded, reason });
                    if filled == 0 {
                        return Err(fault);
                    }
                    break;
                }
            }
        }
        Ok((filled > 0).then(|| Bytes::copy_from_slice(&self.space[..filled])))
    }

    /// Keeps the error for later calls and drops the input.
    fn fail(&mut self, fault: BadGzip) -> BadGzip {
        self.content = Content::Bad(fault.clone());
        self.input.clear();
        fault
    }
}

/// The number of bytes between two totals. It fits into a `usize` because one call processes at most one slice.
fn moved(before: u64, after: u64) -> usize {
    usize::try_from(after - before).unwrap_or(usize::MAX)
}

/// Removes the first `taken` bytes of the first chunk.
fn consume(input: &mut VecDeque<Bytes>, taken: usize) {
    if let Some(chunk) = input.front_mut() {
        chunk.advance(taken);
        if chunk.is_empty() {
            input.pop_front();
        }
    }
}
