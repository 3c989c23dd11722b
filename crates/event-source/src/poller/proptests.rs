//! For any pattern of arrivals, limits and outcomes, no record is skipped, no offset is committed too early, and no
//! batch exceeds its limits.

use bytes::Bytes;
use kafka_batch::event::MskEvent;
use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Event {
    /// Offsets of a partition arrive. Each has the size of its value, or `None` if it has no record (such as a marker).
    Arrive(i32, Vec<Option<usize>>),
    /// Time passes.
    Pass(i64),
    /// The running step ends; the first number selects the outcome.
    End(u8, u64),
    /// A partition is revoked and assigned again at its committed offset.
    Rebalance(i32),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..3, proptest::collection::vec(proptest::option::weighted(0.8, 0..600_usize), 1..8)).prop_map(|(p, sizes)| Event::Arrive(p, sizes)),
        3 => (0..700_i64).prop_map(Event::Pass),
        4 => (any::<u8>(), any::<u64>()).prop_map(|(how, which)| Event::End(how, which)),
        1 => (0..3).prop_map(Event::Rebalance),
    ]
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let limits = (1..7_usize, 0..900_i64, 700..3000_usize, any::<bool>());
    let ends = (proptest::option::of(0..3_u32), proptest::option::of(300..3000_i64));
    (limits, ends).prop_map(|((batch_size, window_ms, payload_limit, bisect), (retries, age))| Rules {
        topic: "t".into(),
        batch_size,
        window_ms,
        payload_limit,
        envelope_bytes: MskEvent::new("arn", "b").payload_bytes(),
        bisect,
        maximum_retries: retries,
        maximum_record_age_ms: age,
        backoff: Backoff { first_ms: 50, longest_ms: 200 },
    })
}

/// A topic of three partitions, a consumer, and the state of each record.
struct World {
    poller: Poller,
    rules: Rules,
    /// The time in milliseconds.
    now: i64,
    /// By partition and offset: the record, or `None` for an offset without one.
    log: [Vec<Option<Record>>; 3],
    /// The consumer's position.
    read: [usize; 3],
    /// The progress that the poller reported last.
    committed: [usize; 3],
    /// The offsets that were handled or given up.
    done: [BTreeSet<i64>; 3],
    /// The step that is being executed.
    running: Option<Step>,
}

impl World {
    fn new(rules: Rules) -> Self {
        Self {
            poller: Poller::new(rules.clone()),
            rules,
            now: 0,
            log: Default::default(),
            read: [0; 3],
            committed: [0; 3],
            done: Default::default(),
            running: None,
        }
    }

    fn apply(&mut self, event: Event) -> Result<(), TestCaseError> {
        match event {
            Event::Arrive(partition, sizes) => {
                let log = &mut self.log[partition as usize];
                for size in sizes {
                    let offset = log.len() as i64;
                    if size.is_none() {
                        self.done[partition as usize].insert(offset);
                    }
                    log.push(size.map(|size| Record {
                        partition,
                        offset,
                        timestamp_ms: self.now,
                        key: None,
                        value: Some(Bytes::from(vec![b'x'; size])),
                        headers: vec![],
                    }));
                }
            }
            Event::Pass(ms) => self.now += ms,
            Event::End(how, which) => self.end(how, which),
            Event::Rebalance(partition) => {
                let p = partition as usize;
                self.poller.revoke(partition);
                self.read[p] = self.committed[p];
            }
        }
        self.turn()
    }

    /// Reads new records, commits progress, and starts the next step.
    fn turn(&mut self) -> Result<(), TestCaseError> {
        for p in 0..3 {
            for record in self.log[p][self.read[p]..].iter().flatten() {
                self.poller.offer(record.clone(), self.now);
            }
            self.read[p] = self.log[p].len();
            self.poller.advance(p as i32, self.read[p] as i64);
        }
        for (partition, next) in self.poller.progress() {
            let p = partition as usize;
            for offset in self.committed[p]..next as usize {
                prop_assert!(
                    self.done[p].contains(&(offset as i64)),
                    "{p}@{offset} committed before it was done"
                );
            }
            self.committed[p] = self.committed[p].max(next as usize);
        }
        match self.poller.step(self.now) {
            Step::Busy => prop_assert!(self.running.is_some()),
            Step::Idle => prop_assert!(self.running.is_none()),
            Step::WaitUntil(then) => prop_assert!(then > self.now),
            step => {
                prop_assert!(self.running.is_none());
                self.judge(&step)?;
                self.running = Some(step);
            }
        }
        Ok(())
    }

    fn judge(&self, step: &Step) -> Result<(), TestCaseError> {
        let batch = match step {
            Step::Invoke(batch) => batch,
            Step::GiveUp(given_up) => &given_up.batch,
            _ => return Ok(()),
        };
        prop_assert!(!batch.records.is_empty() && batch.records.len() <= self.rules.batch_size);
        if matches!(step, Step::Invoke(_)) {
            let mut event = MskEvent::new("arn", "b");
            for r in &batch.records {
                event.push("t", r.partition, r.offset, r.timestamp_ms, None, r.value.as_deref(), &r.headers);
            }
            prop_assert!(event.to_json().len() <= self.rules.payload_limit);
        }
        let mut last = [-1; 3];
        for record in &batch.records {
            let p = record.partition as usize;
            prop_assert!(record.offset > last[p], "out of order in a batch");
            if matches!(step, Step::Invoke(_)) {
                // A delivered record must not overtake a record that is not done.
                for offset in (last[p] + 1).max(self.committed[p] as i64)..record.offset {
                    prop_assert!(self.done[p].contains(&offset), "{p}@{} overtook {offset}", record.offset);
                }
            }
            last[p] = record.offset;
        }
        Ok(())
    }

    fn end(&mut self, how: u8, which: u64) {
        let Some(step) = self.running.take() else { return };
        let (batch, gives_up) = match &step {
            Step::Invoke(batch) => (batch, false),
            Step::GiveUp(given_up) => (&given_up.batch, true),
            _ => return,
        };
        let outcome = match how % 6 {
            0 => Outcome::Failed("no".into()),
            1 => Outcome::Unavailable("away".into()),
            2 if !gives_up => {
                let chosen =
                    batch.records.iter().enumerate().filter(|(index, _)| which >> (index % 64) & 1 == 1);
                Outcome::Reported(chosen.map(|(_, record)| (record.partition, record.offset)).collect())
            }
            _ => Outcome::Handled,
        };
        for record in &batch.records {
            let handled = match &outcome {
                Outcome::Handled => true,
                Outcome::Reported(reported) => !reported.contains(&(record.partition, record.offset)),
                _ => false,
            };
            if handled {
                self.done[record.partition as usize].insert(record.offset);
            }
        }
        self.poller.finish(outcome, self.now);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]
    #[test]
    fn every_record_is_delivered_in_order_and_committed_only_when_done(
        rules in any_rules(),
        events in proptest::collection::vec(event(), 1..60),
    ) {
        let mut world = World::new(rules);
        for event in events {
            world.apply(event)?;
        }
        // From here on every step succeeds, so all offsets must be committed in the end.
        let mut turns = 0;
        while (0..3).any(|p| world.committed[p] < world.log[p].len()) {
            world.apply(Event::End(5, 0))?;
            world.apply(Event::Pass(1000))?;
            turns += 1;
            prop_assert!(turns < 2000, "stuck at {:?} of {:?}", world.committed, world.log.each_ref().map(Vec::len));
        }
    }
}
