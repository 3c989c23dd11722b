//! Formats offsets for people: `2:15-17,40` is partition 2, offsets 15 to 17 and 40.

use positions::OffsetRanges;

/// The maximum number of ranges in the text.
const MOST: usize = 20;

/// Formats the offsets of one partition. After 20 ranges, only the number of the others follows.
#[must_use]
pub fn of_partition(partition: i32, offsets: &OffsetRanges) -> String {
    let words = offsets.iter().take(MOST).map(|range| match range.end - range.start {
        1 => range.start.to_string(),
        _ => format!("{}-{}", range.start, range.end - 1),
    });
    let mut words: Vec<String> = words.collect();
    if offsets.len() > MOST {
        words.push(format!("and {} more runs", offsets.len() - MOST));
    }
    format!("{partition}:{}", words.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_offsets_are_joined_and_their_number_is_bounded() {
        assert_eq!(of_partition(2, &[15, 16, 17, 40].into_iter().collect()), "2:15-17,40");
        let every_second: OffsetRanges = (0..100).map(|n| n * 2).collect();
        assert!(of_partition(0, &every_second).ends_with("and 80 more runs"));
    }
}
