//! Bounded decompression of content as it arrives.
//!
//! Whether content is compressed is told by its first two bytes, not by its name. What gzip expands comes out in small
//! pieces and is counted, so that a small file that expands to gigabytes costs neither memory nor much time.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use bytes::{Buf, Bytes};
use flate2::{Decompress, FlushDecompress, Status};

const MAGIC: [u8; 2] = [0x1F, 0x8B];
/// The window that every gzip file fits into, as a power of two.
const WINDOW_BITS: u8 = 15;
/// The longest piece of expanded content.
const PIECE: usize = 64 * 1024;

/// Why compressed content cannot be read to its end. Pieces that came before are not known to be sound: the checksum
/// stands at the end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadGzip {
    /// Not what a compressor wrote.
    #[error("the gzip content is corrupt behind {expanded} expanded bytes: {reason}")]
    Corrupt {
        /// Expanded bytes before the fault was found.
        expanded: u64,
        /// What the decompressor says.
        reason: String,
    },
    /// The bytes end before the compressed content does.
    #[error("the gzip content breaks off behind {expanded} expanded bytes")]
    Truncated {
        /// Expanded bytes before the break.
        expanded: u64,
    },
    /// More than was allowed.
    #[error("the gzip content expands to more than {limit} bytes")]
    TooLarge {
        /// What was allowed.
        limit: u64,
    },
}

/// Whether content that begins so is compressed.
#[must_use]
pub fn is_gzip(beginning: &[u8]) -> bool {
    beginning.starts_with(&MAGIC)
}

#[derive(Debug)]
enum Content {
    /// Too few bytes to tell.
    Unknown,
    Plain,
    /// In a gzip member.
    Member(Decompress),
    /// Behind a gzip member; another one may follow.
    BetweenMembers,
    Bad(BadGzip),
}

/// Expands gzip content and passes other content through.
#[derive(Debug)]
pub struct Inflater {
    limit: u64,
    input: VecDeque<Bytes>,
    content: Content,
    expanded: u64,
    /// Where pieces are expanded to; empty as long as nothing is compressed.
    space: Vec<u8>,
}

impl Inflater {
    /// Compressed content may expand to `limit` bytes. Content that is not compressed is not counted: its length is
    /// known before it is read.
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

    /// The next piece of the expanded content, or `None` until more bytes are pushed. A fault is final.
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

    /// Whether the content was read to its end. To be asked behind its last byte, once [`Self::next_piece`] has nothing
    /// more.
    pub fn finish(&mut self) -> Result<(), BadGzip> {
        match &self.content {
            Content::Unknown | Content::Plain | Content::BetweenMembers if self.input.is_empty() => Ok(()),
            Content::Bad(fault) => Err(fault.clone()),
            _ => Err(self.fail(BadGzip::Truncated { expanded: self.expanded })),
        }
    }

    /// A lone first byte of gzip's magic stays unknown: that is gzip content that breaks off.
    fn recognise(&mut self) {
        let mut begin = self.input.iter().flatten().copied();
        self.content = match (begin.next(), begin.next()) {
            (Some(first), Some(second)) if [first, second] == MAGIC => Content::BetweenMembers,
            (Some(first), None) if first == MAGIC[0] => return,
            (None, _) => return,
            _ => Content::Plain,
        };
    }

    /// Expands until a piece is full or the input is used up.
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

    fn fail(&mut self, fault: BadGzip) -> BadGzip {
        self.content = Content::Bad(fault.clone());
        self.input.clear();
        fault
    }
}

/// Bytes between two totals: no more than the slice they were moved in or out of.
fn moved(before: u64, after: u64) -> usize {
    usize::try_from(after - before).unwrap_or(usize::MAX)
}

fn consume(input: &mut VecDeque<Bytes>, taken: usize) {
    if let Some(chunk) = input.front_mut() {
        chunk.advance(taken);
        if chunk.is_empty() {
            input.pop_front();
        }
    }
}
