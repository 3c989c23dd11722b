//! Offsets as people read them: `2:15-17,40`.

/// How many runs are written out.
const MOST: usize = 20;

/// Sorted offsets of one partition, runs joined.
pub(crate) fn of_partition(partition: i32, offsets: &[i64]) -> String {
    let runs: Vec<&[i64]> = offsets.chunk_by(|a, b| a.checked_add(1) == Some(*b)).collect();
    let mut words: Vec<String> = runs
        .iter()
        .take(MOST)
        .filter_map(|run| match run {
            [] => None,
            [one] => Some(one.to_string()),
            [first, .., last] => Some(format!("{first}-{last}")),
        })
        .collect();
    if runs.len() > MOST {
        words.push(format!("and {} more runs", runs.len() - MOST));
    }
    format!("{partition}:{}", words.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_joined_and_their_number_is_bounded() {
        assert_eq!(of_partition(2, &[15, 16, 17, 40]), "2:15-17,40");
        let every_second: Vec<i64> = (0..100).map(|n| n * 2).collect();
        assert!(of_partition(0, &every_second).ends_with("and 80 more runs"));
    }
}
