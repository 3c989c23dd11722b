//! Measures how fast the reader cuts 100,000 media objects of about 120 bytes, pushed in pieces of 64 KiB, on one core.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "criterion's macros; a bench that cannot go on stops"
)]

use std::fmt::Write;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use object_reader::json_array::{ElementReader, Piece};

/// The number of elements in the file.
const OBJECTS: usize = 100_000;
/// The size of a pushed piece in bytes.
const PUSH: usize = 64 * 1024;
/// The longest element in bytes.
const LIMIT: usize = 1 << 20;

/// A JSON array of songs, movies and apps in turn, one on each line.
fn media() -> Bytes {
    let mut file = "[\n".to_owned();
    for n in 0..OBJECTS {
        let object = match n % 3 {
            0 => format!(
                r#"{{"type":"song","data":{{"artist_name":"Massive Attack","title":"Karmacoma {n}","year":1994,"release":"Protection"}}}}"#
            ),
            1 => format!(
                r#"{{"type":"movie","data":{{"original_title":"Toy \"Story\" {n}","original_language":"en","budget":30000000,"is_adult":false,"release_date":"1995-10-30"}}}}"#
            ),
            _ => format!(
                r#"{{"type":"app","data":{{"name":"Geometry Dash {n}","genre":"Games","version":"2.10","rating":5.0,"size_bytes":83931136}}}}"#
            ),
        };
        writeln!(file, "{object}{}", if n + 1 < OBJECTS { "," } else { "\n]" }).unwrap();
    }
    file.into()
}

/// Reads the whole array, and returns the number of elements that are not empty.
fn read(pushes: &[Bytes]) -> usize {
    let mut reader = ElementReader::new(LIMIT);
    let mut found = 0;
    for push in pushes {
        reader.push(push.clone());
        while let Some(piece) = reader.next_piece().unwrap() {
            if let Piece::Element(element) = piece {
                found += usize::from(!element.bytes.is_empty());
            }
        }
    }
    reader.finish().unwrap();
    found
}

fn json_array(criterion: &mut Criterion) {
    let file = media();
    let pushes: Vec<Bytes> =
        (0..file.len()).step_by(PUSH).map(|at| file.slice(at..file.len().min(at + PUSH))).collect();
    assert_eq!(read(&pushes), OBJECTS);
    println!("{OBJECTS} objects take {} bytes", file.len());
    let mut group = criterion.benchmark_group("json_array");
    group.throughput(Throughput::Bytes(file.len() as u64));
    group.bench_function("media/100000", |b| b.iter(|| read(&pushes)));
    group.finish();
}

criterion_group!(benches, json_array);
criterion_main!(benches);
