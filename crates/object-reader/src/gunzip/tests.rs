//! Any content, compressed or not, is returned unchanged for any split of its bytes, and memory stays
//! bounded.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use super::*;

/// Compresses content as one gzip member.
fn gzip(content: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Pushes the file in pieces of the lengths `cuts`, and returns the content and the result of `finish`. Also
/// checks that an error is returned again by later calls.
fn read_to(mut inflater: Inflater, file: &[u8], cuts: &[usize]) -> (Vec<u8>, Result<(), BadGzip>) {
    let mut expanded = Vec::new();
    let mut cuts = cuts.iter().cycle();
    let mut rest = file;
    while !rest.is_empty() {
        let (push, behind) = rest.split_at(rest.len().min(cuts.next().map_or(rest.len(), |cut| *cut)));
        inflater.push(Bytes::copy_from_slice(push));
        rest = behind;
        // After some pushes nothing is read, so several pushes are waiting at once.
        if push.len() % 2 == 0 && !rest.is_empty() {
            continue;
        }
        loop {
            match inflater.next_piece() {
                Ok(Some(piece)) => expanded.extend_from_slice(&piece),
                Ok(None) => break,
                Err(fault) => {
                    assert_eq!(inflater.next_piece(), Err(fault.clone()));
                    assert_eq!(inflater.finish(), Err(fault.clone()));
                    return (expanded, Err(fault));
                }
            }
        }
    }
    let end = inflater.finish();
    (expanded, end)
}

/// Reads a file without a limit.
fn read(file: &[u8], cuts: &[usize]) -> (Vec<u8>, Result<(), BadGzip>) {
    read_to(Inflater::new(u64::MAX), file, cuts)
}

/// Content of three kinds: random, well compressible, and longer than one piece.
fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..400),
        2 => proptest::collection::vec(0..3_u8, 0..4000),
        1 => (any::<u8>(), 0..3 * PIECE).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

/// Lengths of pushes in bytes, which are repeated in turn.
fn cuts() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(1..300_usize, 1..6)
}

proptest! {
    #[test]
    fn members_expand_to_the_original_content(
        members in proptest::collection::vec((content(), 0..=9_u32), 1..4), cuts in cuts(),
    ) {
        let file: Vec<u8> = members.iter().flat_map(|(content, level)| gzip(content, *level)).collect();
        let expected: Vec<u8> = members.into_iter().flat_map(|(content, _)| content).collect();
        prop_assert_eq!(read(&file, &cuts), (expected, Ok(())));
    }

    #[test]
    fn content_that_is_not_gzip_is_returned_unchanged(content in content(), cuts in cuts()) {
        prop_assume!(!content.starts_with(&MAGIC) && content != [MAGIC[0]]);
        prop_assert_eq!(read_to(Inflater::new(0), &content, &cuts), (content, Ok(())));
    }

    #[test]
    fn truncated_gzip_gives_the_beginning_and_an_error(
        content in content(), cuts in cuts(), at in any::<proptest::sample::Index>(),
    ) {
        let file = gzip(&content, 6);
        let at = 1 + at.index(file.len() - 1);
        let (expanded, end) = read(&file[..at], &cuts);
        prop_assert!(content.starts_with(&expanded));
        prop_assert_eq!(end, Err(BadGzip::Truncated { expanded: expanded.len() as u64 }));
    }

    /// The checksum of a member finds every single flipped bit that changes the content.
    #[test]
    fn a_flipped_bit_is_detected(
        content in content(), cuts in cuts(), at in any::<proptest::sample::Index>(), bit in 0..8_u32,
    ) {
        let mut file = gzip(&content, 6);
        // Only bits after the magic number: a flip inside it makes the content count as not compressed.
        let at = 2 + at.index(file.len() - 2);
        file[at] ^= 1_u8 << bit;
        let (expanded, end) = read(&file, &cuts);
        prop_assert!(end.is_err() || expanded == content);
    }

    #[test]
    fn no_bytes_cause_a_panic(
        rest in proptest::collection::vec(any::<u8>(), 0..300), magic: bool, cuts in cuts(), limit in 0..2000_u64,
    ) {
        let head: &[u8] = if magic { &[0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3] } else { &[] };
        let _ = read_to(Inflater::new(limit), &[head, &rest].concat(), &cuts);
    }

    #[test]
    fn the_limit_is_exact(content in content(), cuts in cuts()) {
        let file = gzip(&content, 6);
        let length = content.len() as u64;
        prop_assert_eq!(read_to(Inflater::new(length), &file, &cuts), (content, Ok(())));
        if length > 0 {
            let (expanded, end) = read_to(Inflater::new(length - 1), &file, &cuts);
            prop_assert!((expanded.len() as u64) < length);
            prop_assert_eq!(end, Err(BadGzip::TooLarge { limit: length - 1 }));
        }
    }
}

#[test]
fn the_error_names_the_fault_of_the_content() {
    let sound = gzip(b"[1,2,3]", 6);
    let length = sound.len();
    let flipped = |at: usize| {
        let mut file = sound.clone();
        file[at] ^= 0x10;
        file
    };
    for (file, reason) in [
        (flipped(2), "the gzip content is corrupt after 0 decompressed bytes: unknown compression method"),
        (flipped(length - 8), "the gzip content is corrupt after 7 decompressed bytes: incorrect data check"),
        (
            flipped(length - 4),
            "the gzip content is corrupt after 7 decompressed bytes: incorrect length check",
        ),
        (
            [&sound[..], b"more"].concat(),
            "the gzip content is corrupt after 7 decompressed bytes: incorrect header check",
        ),
        (sound[..length - 1].to_vec(), "the gzip content ends early, after 7 decompressed bytes"),
        (sound[..1].to_vec(), "the gzip content ends early, after 0 decompressed bytes"),
    ] {
        assert_eq!(read(&file, &[]).1.unwrap_err().to_string(), reason);
    }
    let (_, end) = read_to(Inflater::new(6), &sound, &[]);
    assert_eq!(end.unwrap_err().to_string(), "the gzip content expands to more than 6 bytes");
    assert_eq!(read(b"", &[]), (vec![], Ok(())));
}

#[test]
fn a_gzip_bomb_stops_at_the_limit_and_is_returned_in_small_pieces() {
    const MIB: usize = 1 << 20;
    const LIMIT: usize = 64 * MIB;
    let zeros = vec![0; MIB];
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let mut inflater = Inflater::new(LIMIT as u64);
    let (mut pushed, mut expanded) = (0, 0);
    for _ in 0..1024 {
        encoder.write_all(&zeros).unwrap();
        encoder.flush().unwrap();
        let bytes = Bytes::from(std::mem::take(encoder.get_mut()));
        pushed += bytes.len();
        inflater.push(bytes);
        loop {
            match inflater.next_piece() {
                Ok(None) => break,
                Ok(Some(piece)) => {
                    assert!(piece.len() <= PIECE);
                    expanded += piece.len();
                }
                Err(fault) => {
                    assert_eq!(fault, BadGzip::TooLarge { limit: LIMIT as u64 });
                    assert!(expanded <= LIMIT && expanded + PIECE >= LIMIT, "{expanded}");
                    assert!(pushed < LIMIT / 500, "{pushed}");
                    assert_eq!((inflater.space.len(), inflater.input.len()), (PIECE, 0));
                    return;
                }
            }
        }
    }
    panic!("{pushed} bytes expanded to {expanded} without an end");
}
