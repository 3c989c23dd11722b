//! How long records have waited in each lane while none of them was stored.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

/// The last progress of each lane, by group and topic. It is lost when the process ends.
#[derive(Debug, Default)]
pub(crate) struct Waiting(HashMap<(String, String), Seen>);

#[derive(Debug)]
struct Seen {
    /// The number of stored records, summed over the partitions.
    stored: i64,
    /// The time at which this process first saw that number with records waiting.
    since: DateTime<Utc>,
}

impl Waiting {
    /// Returns the time since which `group` has stored nothing of `topic` although records wait, or `None` if none wait.
    ///
    /// The true time may be earlier, because this process sees a lane only when a page asks for it. It is never later.
    pub(crate) fn since(
        &mut self,
        (group, topic): (&str, &str),
        (stored, lag): (i64, i64),
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let lane = (group.to_owned(), topic.to_owned());
        if lag == 0 {
            self.0.remove(&lane);
            return None;
        }
        let seen = self.0.entry(lane).or_insert(Seen { stored, since: now });
        // A smaller number means that the topic was created again.
        if seen.stored != stored {
            *seen = Seen { stored, since: now };
        }
        Some(seen.since)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_lane_waits_since_it_last_stored_or_had_nothing_to_store() {
        let (mut waiting, start) = (Waiting::default(), Utc::now());
        let mut look = |seconds: i64, stored: i64, lag: i64| {
            let now = start + TimeDelta::seconds(seconds);
            waiting.since(("g", "t"), (stored, lag), now).map(|since| (since - start).num_seconds())
        };
        assert_eq!(look(0, 5, 0), None);
        assert_eq!((look(10, 5, 2), look(20, 5, 9)), (Some(10), Some(10)), "the lag may grow");
        assert_eq!((look(30, 6, 8), look(40, 6, 8)), (Some(30), Some(30)), "one was stored");
        assert_eq!((look(50, 14, 0), look(60, 14, 1)), (None, Some(60)), "nothing waited in between");
        assert_eq!(look(70, 0, 1), Some(70), "the topic was created again");
    }

    #[test]
    fn lanes_of_one_topic_wait_each_for_themselves() {
        let (mut waiting, now) = (Waiting::default(), Utc::now());
        let later = now + TimeDelta::seconds(9);
        assert_eq!(waiting.since(("a", "t"), (1, 1), now), Some(now));
        assert_eq!(waiting.since(("b", "t"), (1, 1), later), Some(later));
    }
}
