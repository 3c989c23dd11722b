//! Random histories: deliveries that overlap, repeat or come out of order, poison records, redrives, topics that are
//! created again, and resets. parquet-writer (with positions in the Delta log) and totals-upserter (with positions in
//! Postgres) process each history. Both must do the same as a model that consists of sets.

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

/// One step of a history.
#[derive(Debug, Clone)]
enum Happening {
    /// Kafka delivers a batch: partition, first offset, number of offsets.
    Delivery(i32, i64, i64),
    /// The topic is deleted and created again.
    Recreation,
    /// An operator resets the positions.
    Reset,
    /// An operator corrects the pipeline file and redrives the records that were parked in this incarnation.
    Redrive(i64),
}

/// A random history of 1 to 24 steps. The numbers are weights.
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

/// Whether there is a record at this offset. The other offsets stand for transaction markers and compacted records.
fn exists(offset: i64) -> bool {
    offset % 7 != 3
}

/// Whether the record at this offset is poison until the pipeline file is corrected.
fn is_bad(offset: i64) -> bool {
    offset % 5 == 0
}

/// The record at an offset. `generation` counts how often the topic was created; it is part of the value, so records of
/// different generations differ.
fn record(generation: i64, partition: i32, offset: i64) -> Record {
    let name = format!("topic {generation}");
    let good = room(partition, offset, &name, 1);
    let bad = serde_json::json!({"ts": 1_795_209_862.5, "room": name, "count": 1}).to_string();
    if is_bad(offset) { good.with(Some(bad.as_bytes())) } else { good }
}

/// The model of one partition.
#[derive(Debug, Default, Clone)]
struct Side {
    /// Offsets that need no further delivery.
    settled: BTreeSet<i64>,
    /// Samples: offset and generation of some records that were handled.
    remembered: BTreeMap<i64, i64>,
    /// Offsets that are parked and not redriven yet.
    parked: BTreeSet<i64>,
    /// Whether a delivery proved that the topic was created again. Then every delivery is refused until a reset.
    recreated: bool,
}

/// The expected state of both sinks, as sets.
#[derive(Debug, Default)]
struct Model {
    sides: BTreeMap<i32, Side>,
    incarnation: i64,
    /// Partition and offset of each stored row. An offset occurs several times if several generations are stored.
    stored: Vec<(i32, i64)>,
    /// Letters of records that are parked: incarnation, partition, offset.
    letters: BTreeSet<(i64, i32, i64)>,
}

impl Model {
    /// Applies a delivery. Returns whether the functions must accept it.
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

    /// Applies a redrive. Records of an earlier incarnation stay parked.
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

    /// Applies a reset to all partitions that have a position.
    fn reset(&mut self) {
        // A partition without a delivery has no position to reset.
        if !self.sides.is_empty() {
            self.sides.values_mut().for_each(|side| *side = Side::default());
        }
    }
}

impl Side {
    /// Keeps the sample with the lowest offset of each range between two powers of two, as positions do.
    fn remember(&mut self, offset: i64, generation: i64) {
        let stretch = |offset: i64| (offset + 1).ilog2();
        let lowest = self.remembered.keys().copied().find(|other| stretch(*other) == stretch(offset));
        if lowest.is_none_or(|lowest| offset < lowest) {
            lowest.map(|lowest| self.remembered.remove(&lowest));
            self.remembered.insert(offset, generation);
        }
    }
}

/// The functions and sinks of both lanes.
struct World {
    parts: Parts,
    sinks: Sinks,
    pipeline: Pipeline,
    /// A function per lane, with the pipeline file for which some records are poison.
    strict: Vec<Function>,
    /// A function per lane, with the corrected pipeline file.
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

    /// Delivers a batch to the functions of both lanes. Returns for each whether it accepted the batch. Panics if a
    /// function refuses it for another reason than a recreated topic.
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

    /// The newest letter of each parked record of a lane.
    async fn letters(&self, lane: &str) -> Vec<ParkedRecord> {
        let letters = DeadLetters::new(self.sinks.client(), self.parts.parked_root.clone());
        let objects = letters.objects(Some(lane), Instant::now() + Duration::from_secs(20)).await.unwrap();
        newest_by_source(objects.into_iter().flat_map(|object| object.records).map(Result::unwrap))
    }

    /// Redrives the letters of one incarnation. Returns for each lane how many letters there were, and how many of them
    /// the function reported as failed.
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

    /// Resets the positions of both lanes, as `headwater offsets reset` does.
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

/// Applies one history to the functions and to the model, and compares the results.
async fn play(history: &[Happening]) {
    let (mut world, mut model) = (World::start().await, Model::default());
    let (mut generation, mut reset_for) = (0, 0);
    // Both partitions get a position before the history starts, so that their incarnations are equal.
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
                // The test deletes no letters, so later redrives send redriven records again.
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
        // The test deletes no letters, so those of redriven records still exist.
        let letters: BTreeSet<_> = letters.collect();
        assert!(model.letters.is_subset(&letters), "{lane}: {letters:?} lack some of {:?}", model.letters);
    }
}

#[test]
fn for_any_history_both_sinks_do_the_same_as_a_model_of_sets() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    runner
        .run(&history(), |history| {
            runtime.block_on(play(&history));
            Ok(())
        })
        .unwrap();
}

/// A position keeps 64 holes. When the records of a dropped hole arrive, it is unknown whether they are stored, so they
/// are parked.
#[tokio::test]
async fn more_than_64_holes_leave_no_record_unstored_and_unparked_in_either_sink() {
    let mut world = World::start().await;
    let good =
        |offsets: std::ops::Range<i64>| offsets.map(|offset| room(0, offset, "A", 1)).collect::<Vec<_>>();
    // Of every ten records, the last one is delivered, and the nine before it were given up.
    for ten in 1..=80 {
        assert_eq!(world.deliver(&good(ten * 10 - 1..ten * 10)).await, [true, true]);
    }
    // The records that were given up are delivered twice.
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
    // 16 of 80 holes were dropped, with nine records each.
    assert_eq!(parked, [144, 144]);
    assert_eq!(rows.len(), 800 - 144);
    let total: i64 = world.sinks.totals().await.values().sum();
    assert_eq!(usize::try_from(total).unwrap(), rows.len());
}
