//! One random history of deliveries (cut again, repeated, out of order, with poison, redriven, of a topic that was created
//! again, after a reset) through the Delta table's positions and the ledger in Postgres: both do what a model of sets does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dead_letters::{DeadLetters, ParkedRecord, Source, newest_by_source};
use end_to_end::{Function, Invoked, Parts, Record, Sinks, event, room};
use kafka_batch::event::MskEvent;
use kafka_batch::{BatchResponse, Redrive};
use lake::Table;
use lake::reset_app_versions;
use parquet_writer::TopicSchema;
use pipeline::Pipeline;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::time::Instant;

const LANES: [&str; 2] = ["parquet-writer", "totals-upserter"];
const PARTITIONS: i32 = 2;

/// What happens next.
#[derive(Debug, Clone)]
enum Happening {
    /// Kafka delivers a stretch: partition, first offset, number of offsets.
    Delivery(i32, i64, i64),
    /// The topic is deleted and created again.
    Recreation,
    /// An operator resets the positions.
    Reset,
    /// An operator redrives what was parked in this incarnation, after the cause was mended.
    Redrive(i64),
}

fn history() -> impl Strategy<Value = Vec<Happening>> {
    let delivery = (0..PARTITIONS, 0..120_i64, 2..30_i64)
        .prop_map(|(partition, from, count)| Happening::Delivery(partition, from, count));
    let happening = prop_oneof![
        16 => delivery.boxed(),
        1 => Just(Happening::Recreation).boxed(),
        2 => Just(Happening::Reset).boxed(),
        3 => (0..3_i64).prop_map(Happening::Redrive).boxed(),
    ];
    proptest::collection::vec(happening, 1..25)
}

/// Offsets that hold a record: the others are markers of transactions, or were compacted away.
fn exists(offset: i64) -> bool {
    offset % 7 != 3
}

/// Records whose offset is a multiple of 5 are poison until the pipeline file is mended.
fn is_bad(offset: i64) -> bool {
    offset % 5 == 0
}

fn record(generation: i64, partition: i32, offset: i64) -> Record {
    let name = format!("topic {generation}");
    let good = room(partition, offset, &name, 1);
    let bad = serde_json::json!({"ts": 1_795_209_862.5, "room": name, "count": 1}).to_string();
    if is_bad(offset) { good.with(Some(bad.as_bytes())) } else { good }
}

/// One partition of the model.
#[derive(Debug, Default, Clone)]
struct Side {
    /// Offsets that need no further delivery.
    settled: BTreeSet<i64>,
    /// Remembered records: offset and generation.
    remembered: BTreeMap<i64, i64>,
    parked: BTreeSet<i64>,
    /// The topic was found to be another one.
    recreated: bool,
}

/// What both sinks must do, in terms of sets.
#[derive(Debug, Default)]
struct Model {
    sides: BTreeMap<i32, Side>,
    incarnation: i64,
    /// Rows: partition and offset, once for each time that one is stored.
    stored: Vec<(i32, i64)>,
    /// Letters: incarnation, partition, offset.
    letters: BTreeSet<(i64, i32, i64)>,
}

impl Model {
    /// Whether the delivery is taken.
    fn deliver(&mut self, generation: i64, partition: i32, offsets: &[i64]) -> bool {
        let side = self.sides.entry(partition).or_default();
        let is_another = |offset: &i64| side.remembered.get(offset).is_some_and(|of| *of != generation);
        if side.recreated || offsets.iter().any(is_another) {
            side.recreated = true;
            return false;
        }
        let new: Vec<i64> = offsets.iter().copied().filter(|offset| !side.settled.contains(offset)).collect();
        for offset in new {
            if is_bad(offset) {
                side.parked.insert(offset);
                self.letters.insert((self.incarnation, partition, offset));
            } else {
                self.stored.push((partition, offset));
            }
            side.remember(offset, generation);
        }
        side.settled.extend(offsets[0]..=offsets[offsets.len() - 1]);
        true
    }

    fn redrive(&mut self, incarnation: i64) {
        if incarnation != self.incarnation {
            return;
        }
        for (&partition, side) in &mut self.sides {
            for offset in std::mem::take(&mut side.parked) {
                self.stored.push((partition, offset));
            }
        }
        self.letters.retain(|(of, ..)| *of != incarnation);
    }

    fn reset(&mut self) {
        // What no delivery ever reached has no position to reset.
        if !self.sides.is_empty() {
            self.sides.values_mut().for_each(|side| *side = Side::default());
        }
    }
}

impl Side {
    /// Of each stretch between two powers of two the lowest offset is remembered.
    fn remember(&mut self, offset: i64, generation: i64) {
        let stretch = |offset: i64| (offset + 1).ilog2();
        let lowest = self.remembered.keys().copied().find(|other| stretch(*other) == stretch(offset));
        if lowest.is_none_or(|lowest| offset < lowest) {
            lowest.map(|lowest| self.remembered.remove(&lowest));
            self.remembered.insert(offset, generation);
        }
    }
}

/// Both sinks.
struct World {
    parts: Parts,
    sinks: Sinks,
    pipeline: Pipeline,
    strict: Vec<Function>,
    mended: Vec<Function>,
}

impl World {
    async fn start() -> Self {
        let parts = Parts::of_environment();
        let strict = [parts.rooms_pipeline()];
        let healed = [strict[0]
            .replace("name: ts, type: timestamp", "name: ts, type: timestamp, format: epoch_seconds")];
        let mut migrator = Function::start("schema-migrator", &parts, &strict).await;
        let _tables = migrator.invoke(b"{}").await.answer();
        let mut functions = (Vec::new(), Vec::new());
        for lane in LANES {
            functions.0.push(Function::start(lane, &parts, &strict).await);
            functions.1.push(Function::start(lane, &parts, &healed).await);
        }
        Self {
            sinks: Sinks::open(&parts).await,
            pipeline: Pipeline::from_yaml(&strict[0], "test").unwrap(),
            strict: functions.0,
            mended: functions.1,
            parts,
        }
    }

    /// Whether the two functions took the delivery.
    async fn deliver(&mut self, records: &[Record]) -> Vec<bool> {
        let event = event(&self.parts.topic, records);
        let mut taken = Vec::new();
        for function in &mut self.strict {
            taken.push(match function.invoke(&event).await {
                Invoked::Error(_, message) => {
                    assert!(message.contains("deleted and created again"), "{message}");
                    false
                }
                answered => {
                    answered.all_handled();
                    true
                }
            });
        }
        taken
    }

    async fn letters(&self, lane: &str) -> Vec<ParkedRecord> {
        let letters = DeadLetters::new(self.sinks.client(), self.parts.parked_root.clone());
        let objects = letters.objects(Some(lane), Instant::now() + Duration::from_secs(20)).await.unwrap();
        newest_by_source(objects.into_iter().flat_map(|object| object.records).map(Result::unwrap))
    }

    /// Hands the letters of one incarnation over again, and says how many stay parked.
    async fn redrive(&mut self, incarnation: i64) -> Vec<(usize, usize)> {
        let mut left = Vec::new();
        for (index, lane) in LANES.into_iter().enumerate() {
            let letters: Vec<_> = self
                .letters(lane)
                .await
                .into_iter()
                .filter(|letter| letter.incarnation == incarnation)
                .collect();
            if letters.is_empty() {
                left.push((0, 0));
                continue;
            }
            let redrive = Redrive { incarnation, include_uncertain: false };
            let mut event = MskEvent::new("arn", "servers").of_redrive(redrive);
            for letter in &letters {
                let Source::Kafka { topic, partition, offset } = &letter.source else { panic!("{letter:?}") };
                let value = letter.value().unwrap();
                event.push(topic, *partition, *offset, letter.timestamp, None, value.as_deref(), &[]);
            }
            let answer = self.mended[index].invoke(&event.to_json()).await.answer();
            let response: BatchResponse = serde_json::from_value(answer).unwrap();
            left.push((letters.len(), response.batch_item_failures.len()));
        }
        left
    }

    async fn reset(&self) {
        let (topic, lake) = (&self.parts.topic, self.pipeline.lake.as_ref().unwrap());
        let totals = self.pipeline.totals.as_ref().unwrap();
        warehouse::ledger::reset(self.sinks.database(), &totals.consumer_group, topic).await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let schema = TopicSchema::new(&self.pipeline, lake).unwrap().table().clone();
        let mut table = Table::new(self.sinks.client(), self.parts.lake_root.join(&lake.path), schema);
        let apps = table.app_versions(deadline).await.unwrap();
        let (_, versions) = reset_app_versions(&lake.consumer_group, topic, apps.as_map());
        if !versions.is_empty() {
            table.set_app_versions(versions, deadline).await.unwrap();
        }
    }
}

/// Plays one history.
async fn play(history: &[Happening]) {
    let (mut world, mut model) = (World::start().await, Model::default());
    let (mut generation, mut reset_for) = (0, 0);
    // Both partitions have a position from the beginning, so that incarnations count alike.
    for partition in 0..PARTITIONS {
        model.deliver(generation, partition, &[1]);
        assert_eq!(world.deliver(&[record(generation, partition, 1)]).await, [true, true]);
    }
    for happening in history {
        match *happening {
            Happening::Delivery(partition, from, count) => {
                let offsets: Vec<i64> = (from..from + count).filter(|offset| exists(*offset)).collect();
                let records: Vec<_> =
                    offsets.iter().map(|offset| record(generation, partition, *offset)).collect();
                let taken = model.deliver(generation, partition, &offsets);
                assert_eq!(world.deliver(&records).await, [taken, taken], "{happening:?} in {history:?}");
            }
            Happening::Recreation => generation += 1,
            Happening::Reset if generation > reset_for => {
                world.reset().await;
                model.reset();
                model.incarnation += 1;
                reset_for = generation;
            }
            Happening::Reset => {}
            Happening::Redrive(incarnation) => {
                // The test deletes no letter, so that redriven ones are handed over again and again.
                let all_stay = incarnation != model.incarnation;
                for (handed_over, stay) in world.redrive(incarnation).await {
                    assert_eq!(stay, if all_stay { handed_over } else { 0 }, "{happening:?} in {history:?}");
                }
                model.redrive(incarnation);
            }
        }
    }
    let mut stored = model.stored.clone();
    stored.sort_unstable();
    assert_eq!(world.sinks.rows().await, stored, "{history:?}");
    let total: i64 = world.sinks.totals().await.values().sum();
    assert_eq!(total, i64::try_from(stored.len()).unwrap(), "{history:?}");
    for lane in LANES {
        let letters = world.letters(lane).await.into_iter().map(|letter| {
            let Source::Kafka { partition, offset, .. } = letter.source else {
                panic!("{:?}", letter.source)
            };
            (letter.incarnation, partition, offset)
        });
        // The test deletes no letter; those of redriven records are still there.
        let letters: BTreeSet<_> = letters.collect();
        assert!(model.letters.is_subset(&letters), "{lane}: {letters:?} lack some of {:?}", model.letters);
    }
}

#[test]
fn both_sinks_do_with_any_history_what_sets_would_do() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    runner
        .run(&history(), |history| {
            runtime.block_on(play(&history));
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn more_than_64_holes_leave_no_record_unstored_and_unparked_in_either_sink() {
    let mut world = World::start().await;
    let good =
        |offsets: std::ops::Range<i64>| offsets.map(|offset| room(0, offset, "A", 1)).collect::<Vec<_>>();
    // Of every ten records one was delivered, and the nine before it were given up.
    for ten in 1..=80 {
        assert_eq!(world.deliver(&good(ten * 10 - 1..ten * 10)).await, [true, true]);
    }
    // Now they come back, twice.
    for ten in (1..=80).chain(1..=80) {
        assert_eq!(world.deliver(&good(ten * 10 - 10..ten * 10 - 1)).await, [true, true]);
    }
    let rows = world.sinks.rows().await;
    assert_eq!(rows.iter().collect::<BTreeSet<_>>().len(), rows.len(), "no record is stored twice");
    let mut parked = Vec::new();
    for lane in LANES {
        let letters = world.letters(lane).await;
        assert!(letters.iter().all(|letter| letter.reason.contains("may be stored already")), "{letters:?}");
        parked.push(letters.len());
    }
    // 16 holes of nine records were too many.
    assert_eq!(parked, [144, 144]);
    assert_eq!(rows.len(), 800 - 144);
    let total: i64 = world.sinks.totals().await.values().sum();
    assert_eq!(usize::try_from(total).unwrap(), rows.len());
}
