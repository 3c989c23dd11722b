//! The reader finds the same elements and the same damage for any split of the bytes, from the start or from any
//! position.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// An owned copy of a piece: index, start, and its text or, if it was too long, its length.
type Kept = (u64, u64, Result<Vec<u8>, u64>);

/// Copies a piece.
fn kept(piece: Piece<'_>) -> Kept {
    match piece {
        Piece::Element(Element { index, start, bytes }) => (index, start, Ok(bytes.to_vec())),
        Piece::TooLong { index, start, length } => (index, start, Err(length)),
    }
}

/// All pieces, each with the position after it, and the result of `finish`.
fn read(
    mut reader: ElementReader,
    file: &[u8],
    cuts: &[usize],
) -> (Vec<(Kept, Position)>, Result<(), Damage>) {
    let mut found = Vec::new();
    let mut cuts = cuts.iter().cycle();
    let mut rest = file;
    while !rest.is_empty() {
        let (push, behind) = rest.split_at(rest.len().min(cuts.next().map_or(rest.len(), |cut| *cut)));
        reader.push(Bytes::copy_from_slice(push));
        rest = behind;
        // After some pushes nothing is read, so several pushes are waiting at once.
        if push.len() % 2 == 0 && !rest.is_empty() {
            continue;
        }
        loop {
            let piece = reader.next_piece().map(|piece| piece.map(kept));
            match piece {
                Ok(Some(piece)) => found.push((piece, reader.position())),
                Ok(None) => break,
                Err(damage) => {
                    assert_eq!(reader.next_piece(), Err(damage));
                    assert_eq!(reader.finish(), Err(damage));
                    return (found, Err(damage));
                }
            }
        }
    }
    let end = reader.finish();
    assert_eq!(reader.finish(), end);
    (found, end)
}

/// The texts of all elements, read in one push, and the result of `finish`.
fn texts(file: &str) -> (Vec<String>, Result<(), Damage>) {
    let (found, end) = read(ElementReader::new(usize::MAX), file.as_bytes(), &[]);
    (found.into_iter().map(|((_, _, text), _)| String::from_utf8(text.unwrap()).unwrap()).collect(), end)
}

/// White space of JSON, possibly none.
fn white() -> impl Strategy<Value = String> {
    "[ \t\r\n]{0,3}"
}

/// The text of a JSON scalar. Strings are written with and without escapes.
fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        "null|true|false|0|-1|2\\.50|1e9|-0\\.1E-7".prop_map(String::from),
        "[ -~]{0,8}".prop_map(|text| Value::from(text).to_string()),
        any::<String>().prop_map(|text| Value::from(text).to_string()),
        "[\"\\\\\\[\\]{},:é𝄞\n]{0,8}".prop_map(|text| Value::from(text).to_string()),
        any::<String>().prop_map(|text| {
            let escapes: Vec<String> = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            format!("\"{}\"", escapes.concat())
        }),
    ]
}

/// The text of a JSON value, with white space between its tokens.
fn value() -> impl Strategy<Value = String> {
    scalar().prop_recursive(4, 24, 4, |inner| {
        let items = proptest::collection::vec((white(), inner, white()), 0..4).boxed();
        prop_oneof![
            (items.clone(), white()).prop_map(|(items, empty)| {
                let items: Vec<String> =
                    items.into_iter().map(|(a, item, b)| format!("{a}{item}{b}")).collect();
                format!("[{empty}{}]", items.join(","))
            }),
            (items, white(), scalar()).prop_map(|(items, empty, name)| {
                let name = Value::from(name).to_string();
                let items: Vec<String> =
                    items.into_iter().map(|(a, item, b)| format!("{a}{name}{b}:{a}{item}{b}")).collect();
                format!("{{{empty}{}}}", items.join(","))
            }),
        ]
    })
}

/// A file and the elements that it holds.
#[derive(Debug, Clone)]
struct File {
    bytes: Vec<u8>,
    elements: Vec<(u64, String)>,
    /// The offset of the comma or closing bracket after each element.
    ends: Vec<usize>,
}

/// Arrays of up to 7 elements, with and without a byte order mark, with white space between all tokens.
fn file() -> impl Strategy<Value = File> {
    let elements = proptest::collection::vec((white(), value(), white()), 0..8);
    (any::<bool>(), white(), elements, white(), white()).prop_map(
        |(mark, before, elements, inner, behind)| {
            let mut text = format!("{}{before}[", if mark { "\u{feff}" } else { "" });
            let (mut found, mut ends) = (Vec::new(), Vec::new());
            for (a, element, b) in elements {
                if !found.is_empty() {
                    ends.push(text.len());
                    text.push(',');
                }
                text.push_str(&a);
                found.push((text.len() as u64, element.clone()));
                text.push_str(&element);
                text.push_str(&b);
            }
            text.push_str(&inner);
            ends.push(text.len());
            text.push(']');
            text.push_str(&behind);
            File { bytes: text.into_bytes(), elements: found, ends }
        },
    )
}

/// Lengths of pushes in bytes, which are repeated in turn.
fn cuts() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(1..40_usize, 1..6)
}

/// Random bytes, most of them characters with a meaning in JSON.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        8 => proptest::sample::select(b"[]{},\"\\ \na1".to_vec()),
        1 => proptest::sample::select(BYTE_ORDER_MARK.to_vec()),
        1 => any::<u8>(),
    ];
    let opened = proptest::sample::select(vec![&b""[..], b"[", b"[[", b"[{\"", b"\xEF\xBB\xBF["]);
    (opened, proptest::collection::vec(byte, 0..60)).prop_map(|(opened, rest)| [opened, &rest].concat())
}

proptest! {
    #[test]
    fn the_elements_are_the_same_for_any_split_of_the_bytes(
        file in file(), cuts in cuts(), limit in prop_oneof![Just(usize::MAX), 0..60_usize],
    ) {
        let (found, end) = read(ElementReader::new(limit), &file.bytes, &cuts);
        prop_assert_eq!(end, Ok(()));
        let expected: Vec<Kept> = file.elements.into_iter().enumerate().map(|(index, (start, text))| {
            let length = text.len();
            let kept = if length <= limit { Ok(text.into_bytes()) } else { Err(length as u64) };
            (index as u64, start, kept)
        }).collect();
        prop_assert_eq!(found.into_iter().map(|(piece, _)| piece).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_truncated_file_has_the_elements_that_ended_before_the_cut(
        file in file(), cuts in cuts(), at in any::<proptest::sample::Index>(),
    ) {
        let at = at.index(file.ends.last().unwrap() + 1);
        let (found, end) = read(ElementReader::new(usize::MAX), &file.bytes[..at], &cuts);
        let found: Vec<_> = found.into_iter().map(|((_, start, text), _)| (start, text.unwrap())).collect();
        let whole = file.ends.iter().filter(|end| **end < at).count();
        let expected: Vec<_> = file.elements.into_iter().take(whole)
            .map(|(start, text)| (start, text.into_bytes()))
            .collect();
        prop_assert_eq!(found, expected);
        let opened = file.bytes[..at].contains(&b'[');
        prop_assert_eq!(end, Err(if opened {
            Damage::Truncated { elements: whole as u64, byte: at as u64 }
        } else {
            Damage::Empty
        }));
    }

    #[test]
    fn random_bytes_give_the_same_result_for_any_split(
        bytes in any_bytes(), cuts in cuts(), limit in prop_oneof![Just(usize::MAX), 0..12_usize],
    ) {
        let whole = read(ElementReader::new(limit), &bytes, &[]);
        prop_assert_eq!(read(ElementReader::new(limit), &bytes, &cuts), whole);
    }

    #[test]
    fn resuming_at_any_position_gives_the_remaining_elements(
        bytes in prop_oneof![any_bytes(), file().prop_map(|file| file.bytes)],
        cuts in cuts(), limit in prop_oneof![Just(usize::MAX), 0..12_usize],
    ) {
        let (all, end) = read(ElementReader::new(limit), &bytes, &[]);
        let positions = [Position::default()].into_iter().chain(all.iter().map(|(_, position)| *position));
        for (n, position) in positions.enumerate() {
            let from = usize::try_from(position.byte).unwrap();
            let rest = read(ElementReader::resume(position, limit), &bytes[from..], &cuts);
            prop_assert_eq!(rest, (all[n..].to_vec(), end));
        }
    }

    #[test]
    fn no_position_and_no_bytes_cause_a_panic(element: u64, byte: u64, bytes in any_bytes(), cuts in cuts()) {
        for byte in [byte, u64::MAX, u64::MAX - 7] {
            for element in [element, u64::MAX] {
                let _ = read(ElementReader::resume(Position { element, byte }, 5), &bytes, &cuts);
            }
        }
    }
}

#[test]
fn an_invalid_element_does_not_affect_the_others() {
    for (file, elements) in [
        ("[]", vec![]),
        (" [ ] ", vec![]),
        ("[1 2,3]", vec!["1 2", "3"]),
        (r#"[{"a": nope},{}]"#, vec![r#"{"a": nope}"#, "{}"]),
        (r#"[{"a":1} x,{}]"#, vec![r#"{"a":1} x"#, "{}"]),
        ("[1,,2]", vec!["1", "", "2"]),
        ("[1, ]", vec!["1", ""]),
        ("[,]", vec!["", ""]),
        (r#"[{"a":[1},2]"#, vec![]),
        (r#"[{"a":1],{"b":2}]"#, vec![r#"{"a":1]"#, r#"{"b":2}"#]),
        (r#"[{"a":1}},{"b":2}]"#, vec![r#"{"a":1}}"#, r#"{"b":2}"#]),
        (r#"["]\"],",[2]]"#, vec![r#""]\"],""#, "[2]"]),
    ] {
        let (found, end) = texts(file);
        assert_eq!(found, elements, "{file}");
        let opened_for_ever = file.contains("[1}");
        assert_eq!(end.is_err(), opened_for_ever, "{file}: {end:?}");
    }
}

#[test]
fn the_error_names_the_damage_of_the_file() {
    for (file, elements, reason) in [
        ("", 0, "the file is empty: it holds no JSON array"),
        ("\u{feff} \n", 0, "the file is empty: it holds no JSON array"),
        ("{\"a\":[1]}", 0, "the file is not a JSON array: it begins with an object"),
        ("\"[1]\"", 0, "the file is not a JSON array: it begins with a string"),
        ("-1", 0, "the file is not a JSON array: it begins with a number"),
        ("null", 0, "the file is not a JSON array: it begins with a word"),
        ("<Error/>", 0, "the file is not a JSON array: it begins with markup (XML or HTML)"),
        ("\u{1f}", 0, "the file is not a JSON array: it begins with something that is not JSON"),
        ("[1,{\"a\":2},[3", 2, "the file ends inside the array, at byte 13; complete elements before: 2"),
        ("[1,2]\n[3]", 2, "there is more content after the array, at byte 6; elements before: 2"),
    ] {
        let (found, end) = texts(file);
        assert_eq!((found.len(), end.unwrap_err().to_string().as_str()), (elements, reason), "{file}");
    }
}

#[test]
fn a_position_that_is_not_between_elements_is_detected() {
    let reader = ElementReader::resume(Position { element: 2, byte: 4 }, 100);
    let (found, end) = read(reader, br"7, 8]", &[]);
    assert!(found.is_empty());
    assert_eq!(
        end.unwrap_err().to_string(),
        "cannot resume at byte 4: no element ends there; the file has changed since 2 elements were read"
    );
}

#[test]
fn memory_stays_bounded_for_long_elements_and_long_white_space() {
    const LIMIT: usize = 1000;
    let push_much = |reader: &mut ElementReader, filler: u8| {
        for _ in 0..100 {
            reader.push(Bytes::from(vec![filler; 10_000]));
            assert_eq!(reader.next_piece(), Ok(None));
            assert!(reader.held.capacity() <= 2 * LIMIT && reader.waiting.is_empty());
        }
    };
    let mut reader = ElementReader::new(LIMIT);
    reader.push(Bytes::from_static(b"[\""));
    push_much(&mut reader, b'x');
    reader.push(Bytes::from_static(b"\",12"));
    assert_eq!(reader.next_piece(), Ok(Some(Piece::TooLong { index: 0, start: 1, length: 1_000_002 })));
    assert_eq!(reader.next_piece(), Ok(None));
    push_much(&mut reader, b' ');
    reader.push(Bytes::from_static(b"]"));
    let element = Element { index: 1, start: 1_000_004, bytes: b"12" };
    assert_eq!(reader.next_piece(), Ok(Some(Piece::Element(element))));
    assert_eq!(reader.next_piece(), Ok(None));
    assert_eq!(reader.finish(), Ok(()));
}
