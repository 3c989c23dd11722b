use bytes::Bytes;

use super::*;

fn rules() -> Rules {
    Rules {
        topic: "t".into(),
        batch_size: 3,
        window_ms: 1000,
        payload_limit: PAYLOAD_LIMIT,
        envelope_bytes: 100,
        bisect: false,
        maximum_retries: None,
        maximum_record_age_ms: None,
        backoff: Backoff { first_ms: 100, longest_ms: 400 },
    }
}

fn record(partition: i32, offset: i64) -> Record {
    Record {
        partition,
        offset,
        timestamp_ms: 0,
        key: None,
        value: Some(Bytes::from_static(b"v")),
        headers: Vec::new(),
    }
}

fn poller(rules: Rules, records: &[(i32, i64)]) -> Poller {
    let mut poller = Poller::new(rules);
    for (partition, offset) in records {
        poller.offer(record(*partition, *offset), 0);
    }
    poller
}

fn positions(batch: &Batch) -> Vec<(i32, i64)> {
    batch.records.iter().map(|record| (record.partition, record.offset)).collect()
}

fn invoked(step: Step) -> Vec<(i32, i64)> {
    match step {
        Step::Invoke(batch) => positions(&batch),
        other => panic!("not an invocation: {other:?}"),
    }
}

fn given_up(step: Step) -> (Vec<(i32, i64)>, GiveUpReason) {
    match step {
        Step::GiveUp(given_up) => (positions(&given_up.batch), given_up.reason),
        other => panic!("not a give-up: {other:?}"),
    }
}

#[test]
fn a_full_batch_leaves_at_once_and_a_tail_when_its_window_closes() {
    let mut poller = poller(rules(), &[(0, 0), (0, 1), (0, 2), (0, 3)]);
    assert_eq!(invoked(poller.step(0)), [(0, 0), (0, 1), (0, 2)]);
    assert_eq!(poller.step(0), Step::Busy);
    assert_eq!(poller.finish(Outcome::Handled, 5), Finished { handled: 3, ..Finished::default() });
    assert_eq!(poller.step(5), Step::WaitUntil(1000));
    assert_eq!(invoked(poller.step(1000)), [(0, 3)]);
    poller.finish(Outcome::Handled, 1001);
    assert_eq!(poller.step(1001), Step::Idle);
    assert_eq!(poller.progress(), BTreeMap::from([(0, 4)]));
}

#[test]
fn offsets_without_a_record_are_passed_once_all_records_before_them_are_done() {
    let mut poller = poller(rules(), &[(0, 0), (0, 1)]);
    poller.advance(0, 5);
    assert_eq!(poller.progress(), BTreeMap::from([(0, 0)]));
    assert_eq!(invoked(poller.step(1000)), [(0, 0), (0, 1)]);
    poller.offer(record(0, 7), 1000);
    poller.advance(0, 9);
    assert_eq!(poller.progress(), BTreeMap::from([(0, 0)]));
    poller.finish(Outcome::Handled, 1001);
    assert_eq!(poller.progress(), BTreeMap::from([(0, 7)]));
    assert_eq!(invoked(poller.step(2000)), [(0, 7)]);
    poller.finish(Outcome::Handled, 2001);
    assert_eq!(poller.progress(), BTreeMap::from([(0, 9)]));
}

#[test]
fn a_partition_that_holds_only_markers_is_passed() {
    let mut poller = poller(rules(), &[]);
    poller.advance(3, 20);
    poller.advance(3, 21);
    assert_eq!(poller.step(0), Step::Idle);
    assert_eq!(poller.progress(), BTreeMap::from([(3, 21)]));
}

#[test]
fn a_batch_holds_several_partitions_in_the_order_of_arrival() {
    let mut poller = poller(rules(), &[(1, 7), (0, 0), (1, 8), (0, 1)]);
    assert_eq!(invoked(poller.step(0)), [(1, 7), (0, 0), (1, 8)]);
}

#[test]
fn the_payload_limit_closes_a_batch_before_it_is_passed() {
    let mut small = rules();
    small.batch_size = 100;
    small.payload_limit = 100 + 60 + 2 * record(0, 0).event_bytes("t");
    let mut poller = poller(small, &[(0, 0), (0, 1), (0, 2)]);
    assert_eq!(invoked(poller.step(0)), [(0, 0), (0, 1)]);
}

#[test]
fn a_record_beyond_the_payload_limit_is_given_up_and_blocks_nothing() {
    let mut small = rules();
    small.payload_limit = 2000;
    let mut poller = Poller::new(small);
    poller.offer(record(0, 0), 0);
    poller.offer(Record { value: Some(Bytes::from(vec![0; 3000])), ..record(0, 1) }, 0);
    poller.offer(record(0, 2), 0);
    assert_eq!(invoked(poller.step(0)), [(0, 0)]);
    poller.finish(Outcome::Handled, 0);
    assert_eq!(given_up(poller.step(0)), (vec![(0, 1)], GiveUpReason::TooLarge));
    assert_eq!(poller.progress()[&0], 1);
    assert_eq!(poller.finish(Outcome::Handled, 0).given_up, 1);
    assert_eq!(invoked(poller.step(1000)), [(0, 2)]);
}

#[test]
fn a_failed_batch_is_tried_again_whole_after_a_growing_pause() {
    let mut poller = poller(rules(), &[(0, 0), (0, 1), (0, 2)]);
    let mut now = 0;
    for pause in [100, 200, 400, 400] {
        assert_eq!(invoked(poller.step(now)).len(), 3);
        assert_eq!(poller.finish(Outcome::Failed("no".into()), now).to_retry, 3);
        assert_eq!(poller.step(now), Step::WaitUntil(now + pause));
        assert_eq!(poller.progress()[&0], 0);
        now += pause;
    }
}

#[test]
fn a_retry_holds_its_own_partitions_back_and_no_others() {
    let mut poller = poller(rules(), &[(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)]);
    assert_eq!(invoked(poller.step(0)).len(), 3);
    poller.finish(Outcome::Failed("no".into()), 1000);
    assert_eq!(invoked(poller.step(1000)), [(1, 0)]);
    poller.finish(Outcome::Handled, 1001);
    assert_eq!(poller.progress(), BTreeMap::from([(0, 0), (1, 1)]));
    assert_eq!(invoked(poller.step(1100)), [(0, 0), (0, 1), (0, 2)]);
}

#[test]
fn only_reported_records_are_delivered_again_and_hold_the_commit_back() {
    let mut poller = poller(rules(), &[(0, 5), (0, 6), (0, 7)]);
    poller.step(0);
    let finished = poller.finish(Outcome::Reported(BTreeSet::from([(0, 6)])), 0);
    assert_eq!(finished, Finished { handled: 2, to_retry: 1, ..Finished::default() });
    assert_eq!(poller.progress()[&0], 6);
    assert_eq!(invoked(poller.step(100)), [(0, 6)]);
    poller.finish(Outcome::Handled, 100);
    assert_eq!(poller.progress()[&0], 8);
}

#[test]
fn bisecting_isolates_a_bad_record_and_keeps_the_order() {
    let mut bisecting = rules();
    bisecting.bisect = true;
    bisecting.batch_size = 4;
    bisecting.maximum_retries = Some(1);
    let mut poller = poller(bisecting, &[(0, 0), (0, 1), (0, 2), (0, 3)]);
    let (mut now, mut handled) = (0, Vec::new());
    let lost = loop {
        match poller.step(now) {
            Step::Invoke(batch) if positions(&batch).contains(&(0, 1)) => {
                poller.finish(Outcome::Failed("bad record".into()), now);
            }
            Step::Invoke(batch) => {
                handled.extend(positions(&batch));
                poller.finish(Outcome::Handled, now);
            }
            Step::WaitUntil(then) => now = then,
            step => break given_up(step),
        }
    };
    assert_eq!(lost, (vec![(0, 1)], GiveUpReason::RetriesExhausted("bad record".into())));
    assert_eq!(handled, [(0, 0)]);
    poller.finish(Outcome::Handled, now);
    assert_eq!(invoked(poller.step(now + 400)), [(0, 2), (0, 3)]);
}

#[test]
fn retries_end_at_their_limit_and_an_absent_function_does_not_count() {
    let mut limited = rules();
    limited.maximum_retries = Some(1);
    let mut poller = poller(limited, &[(0, 0), (0, 1), (0, 2)]);
    for now in [0, 1000, 2000] {
        assert_eq!(invoked(poller.step(now)).len(), 3);
        poller.finish(Outcome::Unavailable("connection refused".into()), now);
    }
    for now in [3000, 4000] {
        assert_eq!(invoked(poller.step(now)).len(), 3);
        poller.finish(Outcome::Failed("no".into()), now);
    }
    let (records, reason) = given_up(poller.step(4000));
    assert_eq!((records.len(), reason), (3, GiveUpReason::RetriesExhausted("no".into())));
    // The destination cannot be reached: no record is lost, and no offset is committed.
    assert_eq!(poller.finish(Outcome::Unavailable("no bucket".into()), 4000).to_give_up, 3);
    assert_eq!(poller.progress()[&0], 0);
    assert_eq!(given_up(poller.step(9000)).0.len(), 3);
    poller.finish(Outcome::Handled, 9000);
    assert_eq!(poller.progress()[&0], 3);
}

#[test]
fn records_beyond_the_age_limit_are_given_up_and_the_rest_delivered() {
    let mut ageing = rules();
    ageing.maximum_record_age_ms = Some(60_000);
    let mut poller = Poller::new(ageing);
    for (offset, timestamp_ms) in [(0, 0), (1, 100_000), (2, 1)] {
        poller.offer(Record { timestamp_ms, ..record(0, offset) }, 100_000);
    }
    assert_eq!(given_up(poller.step(100_000)), (vec![(0, 0), (0, 2)], GiveUpReason::TooOld));
    poller.finish(Outcome::Handled, 100_000);
    assert_eq!(poller.progress()[&0], 1);
    assert_eq!(invoked(poller.step(100_000)), [(0, 1)]);
}

#[test]
fn records_in_flight_of_a_revoked_partition_no_longer_count() {
    let mut poller = poller(rules(), &[(0, 0), (0, 1), (1, 0)]);
    assert_eq!(invoked(poller.step(0)).len(), 3);
    poller.revoke(0);
    poller.offer(record(0, 0), 1);
    assert_eq!(poller.finish(Outcome::Failed("no".into()), 1).to_retry, 1);
    assert_eq!(poller.progress(), BTreeMap::from([(0, 0), (1, 0)]));
    assert_eq!(invoked(poller.step(500)), [(1, 0)]);
    poller.finish(Outcome::Handled, 500);
    assert_eq!(invoked(poller.step(1001)), [(0, 0)]);
}

#[test]
fn a_rewound_log_is_read_from_where_it_starts_again() {
    let mut poller = poller(rules(), &[(0, 100), (0, 101), (0, 102), (0, 103)]);
    assert_eq!(invoked(poller.step(0)).len(), 3);
    poller.offer(record(0, 0), 1);
    poller.finish(Outcome::Handled, 1);
    assert_eq!(poller.progress(), BTreeMap::from([(0, 0)]));
    assert_eq!(invoked(poller.step(1001)), [(0, 0)]);
}
