//! Input from buckets: notifications, media files, inbox objects and the list of files.

use std::io::{Read as _, Write as _};

use bucket_ingester::{FilesList, RowDecoder};
use bytes::Bytes;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use inbox_etl::EventDecoder;
use object_reader::gunzip::{BadGzip, Inflater, is_gzip};
use object_reader::json_array::{Damage, ElementReader, Piece, Position};
use object_reader::notification;
use proptest::prelude::*;

use crate::damage::{survives, survives_with};

const SONG: &str = r#"{"type":"song","data":{"artist_name":"A","title":"T","year":1999,"release":null}}"#;
const MOVIE: &str = r#"{"type":"movie","data":{"original_title":"M","original_language":"en","budget":1000000,"is_adult":false,"release_date":"1999-12-31"}}"#;

/// The valid forms are an event of S3, one of `EventBridge`, an SNS message with an event of S3, and the test event
/// that S3 sends when notifications are configured.
#[test]
fn a_damaged_notification_is_read_or_refused_with_a_reason() {
    let s3 = br#"{"Records":[{"eventSource":"aws:s3","eventTime":"2026-11-20T21:24:22.123Z","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"a+b%2Fc.json","size":12,"eTag":"d41d","versionId":"v","sequencer":"0A1B"}}},{"eventSource":"aws:s3","eventTime":"2026-11-20T21:24:22.123Z","eventName":"ObjectRemoved:Delete","s3":{"bucket":{"name":"b"},"object":{"key":"x","sequencer":"0A1C"}}}]}"#;
    let bridge = br#"{"source":"aws.s3","detail-type":"Object Created","time":"2026-11-20T21:24:22Z","detail":{"bucket":{"name":"b"},"object":{"key":"a b","size":1,"etag":"d41d","sequencer":"0A"},"reason":"PutObject"}}"#;
    let topic =
        serde_json::json!({"Type": "Notification", "Message": str::from_utf8(s3).unwrap()}).to_string();
    let test = br#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#;
    for valid in [s3.as_slice(), bridge, topic.as_bytes(), test] {
        notification::decode(valid).unwrap();
    }
    survives(&[s3, bridge, topic.as_bytes(), test], |body| {
        match notification::decode(body) {
            Ok(events) => prop_assert_eq!(events, notification::decode(body).unwrap()),
            Err(bad) => prop_assert!(!bad.to_string().is_empty()),
        }
        Ok(())
    });
}

/// Both decoders get all inputs: an object may be in the wrong folder.
#[test]
fn damaged_media_and_inbox_objects_are_decoded_or_poison_with_a_reason() {
    let user = br#"{"metadata":{"type":"user","event_at":"2026-11-20 21:24:22","event_id":"e"},"payload":{"id":1,"name":"n","address":"a","job":"j","score":0.5}}"#;
    let (media, inbox) = (RowDecoder::default(), EventDecoder::default());
    survives(&[SONG.as_bytes(), MOVIE.as_bytes(), user], |bytes| {
        for reason in [media.decode(bytes).err(), inbox.decode(bytes).err()].into_iter().flatten() {
            prop_assert!(!reason.0.is_empty());
        }
        Ok(())
    });
}

/// A piece as values that can be compared: its index, the byte at which it starts, and its bytes (or its length, if it
/// is too long).
type Cut = (u64, u64, Result<Vec<u8>, u64>);

/// Reads an array that arrives in chunks of `chunk` bytes. Returns each piece with the reader's position after it, and
/// the result at the end of the input.
fn elements(
    mut reader: ElementReader,
    bytes: &[u8],
    chunk: usize,
) -> (Vec<(Cut, Position)>, Result<(), Damage>) {
    let mut found = Vec::new();
    for chunk in bytes.chunks(chunk) {
        reader.push(Bytes::copy_from_slice(chunk));
        loop {
            let cut = match reader.next_piece() {
                Err(damage) => return (found, Err(damage)),
                Ok(None) => break,
                Ok(Some(Piece::Element(element))) => {
                    (element.index, element.start, Ok(element.bytes.to_vec()))
                }
                Ok(Some(Piece::TooLong { index, start, length })) => (index, start, Err(length)),
            };
            found.push((cut, reader.position()));
        }
    }
    let end = reader.finish();
    (found, end)
}

/// A function reads a file in chunks, and a later invocation resumes at a stored position. Neither may change the
/// result.
#[test]
fn a_damaged_array_yields_the_same_elements_for_any_chunk_size_and_after_any_resume() {
    const LIMIT: usize = 120;
    let array = format!("\u{feff} [ {SONG} ,\n{MOVIE}, 1, \"]\\\"\", [[{{}}]] ]\n");
    let random = (1..200_usize, any::<prop::sample::Index>());
    survives_with(&[array.as_bytes(), b"[]"], random, |bytes, (chunk, place)| {
        let whole = elements(ElementReader::new(LIMIT), bytes, bytes.len().max(1));
        let in_chunks = elements(ElementReader::new(LIMIT), bytes, chunk);
        prop_assert_eq!(&whole, &in_chunks);
        let (cuts, end) = whole;
        if cuts.is_empty() {
            return Ok(());
        }
        let done = place.index(cuts.len());
        let position = cuts[done].1;
        let from = usize::try_from(position.byte).unwrap();
        let rest = elements(ElementReader::resume(position, LIMIT), &bytes[from..], chunk);
        prop_assert_eq!(rest, (cuts[done + 1..].to_vec(), end));
        Ok(())
    });
}

/// Expands bytes that arrive in chunks of `chunk` bytes. Bytes that are not gzip are returned unchanged.
fn expanded(bytes: &[u8], chunk: usize, limit: u64) -> Result<Vec<u8>, BadGzip> {
    let (mut inflater, mut all) = (Inflater::new(limit), Vec::new());
    for chunk in bytes.chunks(chunk) {
        inflater.push(Bytes::copy_from_slice(chunk));
        while let Some(piece) = inflater.next_piece()? {
            all.extend_from_slice(&piece);
        }
    }
    inflater.finish()?;
    Ok(all)
}

/// One gzip member with this content.
fn zipped(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// The inputs are one member, several members with an empty one, and content above the limit.
#[test]
fn a_damaged_gzip_is_expanded_as_by_flate2_or_refused_with_a_reason() {
    const LIMIT: u64 = 4_000;
    let one = zipped(SONG.as_bytes());
    let members = [zipped(b"[1,"), zipped(b""), zipped(b"2]")].concat();
    let bomb = zipped(&[b'0'; 5_000]);
    assert_eq!(expanded(&members, 1, LIMIT).unwrap(), b"[1,2]");
    assert!(matches!(expanded(&bomb, 7, LIMIT), Err(BadGzip::TooLarge { .. })));
    survives_with(&[&one, &members, &bomb], 1..60_usize, |bytes, chunk| {
        match expanded(bytes, chunk, LIMIT) {
            Ok(content) if is_gzip(bytes) => {
                prop_assert!(content.len() as u64 <= LIMIT);
                let mut other = Vec::new();
                if MultiGzDecoder::new(bytes).read_to_end(&mut other).is_ok() {
                    prop_assert_eq!(content, other);
                }
            }
            Ok(content) => prop_assert_eq!(content, bytes, "what is not compressed passes through"),
            Err(fault) => prop_assert!(!fault.to_string().is_empty()),
        }
        Ok(())
    });
}

/// bucket-ingester reads the list of files as UTF-8, or as UTF-16 if it begins with a byte order mark. It reports lines
/// of more than 1,024 bytes, the maximum length of an S3 key.
#[test]
fn each_line_of_a_damaged_list_is_a_key_or_reported_with_a_reason() {
    let list = "a.json\nb c.json\r\n\nfolder/é.json\n";
    let mut wide = vec![0xFF, 0xFE];
    wide.extend(list.encode_utf16().flat_map(u16::to_le_bytes));
    survives(&[list.as_bytes(), &wide], |bytes| {
        let list = FilesList::read(bytes);
        prop_assert!(list.keys.iter().all(|key| !key.trim().is_empty() && key.len() <= 1_024));
        prop_assert!(list.unreadable.iter().all(|line| !line.reason.is_empty()));
        prop_assert!(list.unreadable.len() as u64 <= list.unreadable_lines);
        Ok(())
    });
}
