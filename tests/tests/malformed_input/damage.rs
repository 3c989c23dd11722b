//! Makes inputs for decoders: valid ones that are damaged at random.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

/// Number of inputs in each test, unless `PROPTEST_CASES` is set.
const CASES: u32 = 100_000;

/// Bytes that parsers of JSON, forms and gzip treat specially, or that often break them: delimiters, numbers out of
/// range, surrogates, invalid UTF-8, byte order marks, deep nesting.
const TOKENS: [&[u8]; 40] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\0",
    b"\n",
    b"\r\n",
    b" ",
    b"null",
    b"true",
    b"-",
    b"-0",
    b"1e999",
    b"0.1e-400",
    b"9223372036854775808",
    b"18446744073709551616",
    b"NaN",
    b"\\u0000",
    b"\\ud83d",
    b"\\udc00",
    b"\\ud83d\\ude00",
    b"\\x",
    b"\xEF\xBB\xBF",
    b"\xFF\xFE",
    b"\xFF",
    b"\xC0\x80",
    b"\xED\xA0\xBD",
    b"=",
    b"&",
    b"%",
    b"%00",
    b"%F0%9F",
    b"+",
    b"==",
    b"\x1f\x8b\x08",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
];

/// One change to an input. An `Index` is a relative place, which proptest scales to the length of the input.
#[derive(Debug, Clone)]
enum Edit {
    /// Inverts a bit (0 to 7) of the byte at a place.
    Flip(Index, u8),
    /// Inserts the token with this number.
    Insert(Index, usize),
    /// Writes the token with this number over the bytes at a place.
    Overwrite(Index, usize),
    /// Removes the bytes between two places, 64 at most.
    Remove(Index, Index),
    /// Inserts a copy of the bytes between two places (64 at most) at a third place.
    Repeat(Index, Index, Index),
    /// Removes all bytes from a place to the end.
    CutOff(Index),
}

impl Edit {
    /// Changes the bytes. An empty input becomes `0` first, so that every place exists.
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            bytes.push(b'0');
        }
        let length = bytes.len();
        match self {
            Self::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Self::Insert(at, token) => {
                let at = at.index(length + 1);
                bytes.splice(at..at, TOKENS[*token].iter().copied());
            }
            Self::Overwrite(at, token) => {
                let at = at.index(length);
                let end = length.min(at + TOKENS[*token].len());
                bytes.splice(at..end, TOKENS[*token].iter().copied());
            }
            Self::Remove(one, other) => {
                let (from, to) = ordered(*one, *other, length);
                bytes.drain(from..to);
            }
            Self::Repeat(one, other, at) => {
                let (from, to) = ordered(*one, *other, length);
                let (piece, at) = (bytes[from..to].to_vec(), at.index(length + 1));
                bytes.splice(at..at, piece);
            }
            Self::CutOff(at) => bytes.truncate(at.index(length)),
        }
    }
}

/// The two places in ascending order. The second is at most 64 bytes after the first.
fn ordered(one: Index, other: Index, length: usize) -> (usize, usize) {
    let (one, other) = (one.index(length + 1), other.index(length + 1));
    let from = one.min(other);
    (from, one.max(other).min(from + 64))
}

/// A random edit. The numbers are weights.
fn edit() -> impl Strategy<Value = Edit> {
    let (at, token) = (any::<Index>, || 0..TOKENS.len());
    prop_oneof![
        3 => (at(), 0..8_u8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        4 => (at(), token()).prop_map(|(at, token)| Edit::Insert(at, token)),
        4 => (at(), token()).prop_map(|(at, token)| Edit::Overwrite(at, token)),
        2 => (at(), at()).prop_map(|(one, other)| Edit::Remove(one, other)),
        2 => (at(), at(), at()).prop_map(|(one, other, at)| Edit::Repeat(one, other, at)),
        1 => at().prop_map(Edit::CutOff),
    ]
}

/// One of the `valid` inputs with up to five edits. One input of 31 is up to 79 random bytes instead.
fn inputs(valid: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let damaged =
        (any::<Index>(), proptest::collection::vec(edit(), 0..6)).prop_map(move |(which, edits)| {
            let mut bytes = which.get(&valid).clone();
            for edit in &edits {
                edit.apply(&mut bytes);
            }
            bytes
        });
    prop_oneof![30 => damaged.boxed(), 1 => proptest::collection::vec(any::<u8>(), 0..80).boxed()]
}

/// Runs `check` on damaged copies of the `valid` inputs. Panics with the smallest input that fails.
pub(crate) fn survives(valid: &[&[u8]], check: impl Fn(&[u8]) -> Result<(), TestCaseError>) {
    survives_with(valid, Just(()), |bytes, ()| check(bytes));
}

/// Like [`survives`], with a second random value, for example the size of chunks.
pub(crate) fn survives_with<T: Clone + std::fmt::Debug>(
    valid: &[&[u8]],
    more: impl Strategy<Value = T>,
    check: impl Fn(&[u8], T) -> Result<(), TestCaseError>,
) {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    // The seed is fixed: every run tries the same inputs, so a run cannot fail because of an input that earlier runs
    // did not try.
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(1);
    }
    let valid = valid.iter().map(|bytes| bytes.to_vec()).collect();
    TestRunner::new(config).run(&(inputs(valid), more), |(bytes, more)| check(&bytes, more)).unwrap();
}
