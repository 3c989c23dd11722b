//! Builds the HTTP response from the results of a request's events.

use faults::{Classified, chain};
use function_kit::http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::body::Posted;

/// The largest number of rejections with an explanation. Further ones are named only by their index, so that the
/// response stays small.
const MOST_EXPLAINED: usize = 1_000;

/// The result of sending a request's valid events to Kafka.
#[derive(Debug)]
pub struct Sent<E> {
    /// The indexes of the events that are stored.
    pub taken: Vec<usize>,
    /// Why the other events were not acknowledged; `None` if all were.
    pub fault: Option<E>,
}

/// Builds the response. It is a 2xx only if every event of the request is stored: 503 if the brokers did not
/// acknowledge all valid events, otherwise 400 if an event is not valid.
///
/// The response also carries the counts for the invocation's metrics. `EventsRejected` are not valid,
/// `EventsUnacknowledged` are valid and not stored, `ExtraFields` are unknown fields of valid events.
#[must_use]
pub fn answer<E: Classified>(posted: &Posted, sent: &Sent<E>) -> Response {
    let rejected = rejected(posted);
    let accepted = sent.taken.len();
    let (events, extra) =
        posted.events().fold((0, 0), |(events, extra), (_, event)| (events + 1, extra + event.extra.len()));
    let response = match (posted, &sent.fault) {
        (_, Some(fault)) => {
            let mut body = json!({
                "error": "not every event was acknowledged: send this request again", "accepted": accepted,
            });
            if matches!(posted, Posted::Many(_)) {
                body["taken"] = json!(sent.taken);
                body["rejected"] = json!(rejected);
            }
            Response::json(StatusCode::SERVICE_UNAVAILABLE, &body).retry_soon().because(chain(fault))
        }
        (Posted::One(Err(rejection)), None) => Response::json(StatusCode::BAD_REQUEST, &json!(rejection)),
        (Posted::Many(items), None) if !rejected.is_empty() => {
            let error = format!("{} of {} events are not valid", rejected.len(), items.len());
            let body =
                json!({"error": error, "accepted": accepted, "taken": sent.taken, "rejected": rejected});
            Response::json(StatusCode::BAD_REQUEST, &body)
        }
        _ => Response::json(StatusCode::OK, &json!({ "accepted": accepted })),
    };
    response
        .count("EventsAccepted", accepted as u64)
        .count("EventsRejected", (posted.items().len() - events) as u64)
        .count("EventsUnacknowledged", (events - accepted) as u64)
        .count("ExtraFields", extra as u64)
}

/// The entries of `rejected` in the response: the index of each rejected event in the request and, for the
/// first [`MOST_EXPLAINED`], the summary and the problems of its fields.
fn rejected(posted: &Posted) -> Vec<Value> {
    let rejections =
        posted.items().iter().enumerate().filter_map(|(index, item)| Some((index, item.as_ref().err()?)));
    let explained = rejections.enumerate().map(|(number, (index, rejection))| {
        if number < MOST_EXPLAINED {
            json!({"index": index, "error": rejection.error, "errors": rejection.errors})
        } else {
            json!({ "index": index })
        }
    });
    explained.collect()
}

#[cfg(test)]
mod tests {
    use faults::FaultClass;
    use function_kit::http::{HeaderMap, HeaderValue, header};

    use super::*;
    use crate::body;

    /// A valid event of the data contract, as JSON.
    const GOOD: &str = r#"{"timestamp":1,"make":"Ford","model":"Edge","position_x":0,"position_y":0,"position_z":0,"speed":2,"vin":"GD9KE1GANAGOCJ64E"}"#;

    /// A retryable fault, as if no broker could be reached.
    #[derive(Debug, thiserror::Error)]
    #[error("no broker")]
    struct NoBroker;

    impl Classified for NoBroker {
        fn class(&self) -> FaultClass {
            FaultClass::Retryable
        }
    }

    /// Parses a JSON body that the gateway does not reject as a whole.
    fn posted(body: &str) -> Posted {
        let headers =
            HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        body::read(&headers, body.as_bytes()).unwrap()
    }

    /// The status and body of the response if the brokers stored the events at `taken`.
    fn response_to(body: &str, taken: &[usize], fault: Option<NoBroker>) -> (u16, Value) {
        let response = answer(&posted(body), &Sent { taken: taken.to_vec(), fault });
        (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
    }

    #[test]
    fn success_means_that_every_event_is_stored() {
        assert_eq!(response_to(GOOD, &[0], None), (200, json!({"accepted": 1})));
        assert_eq!(response_to(&format!("[{GOOD},{GOOD}]"), &[0, 1], None), (200, json!({"accepted": 2})));
    }

    #[test]
    fn the_answer_to_a_single_bad_event_names_every_bad_field() {
        let (status, body) =
            response_to(&GOOD.replace("\"speed\":2", "\"speed\":\"2\"").replace("Edge", ""), &[], None);
        assert_eq!(status, 400);
        assert_eq!(body["error"], "model must not be empty (and 1 more)");
        assert_eq!(body["errors"][1], json!({"field": "speed", "problem": "must be a number"}));
    }

    #[test]
    fn rejected_events_are_named_by_index_and_the_status_is_not_2xx() {
        let (status, body) = response_to(&format!("[7,{GOOD},{{}},{GOOD}]"), &[1, 3], None);
        assert_eq!((status, &body["accepted"], &body["taken"]), (400, &json!(2), &json!([1, 3])));
        let indices: Vec<_> =
            body["rejected"].as_array().unwrap().iter().map(|item| &item["index"]).collect();
        assert_eq!(indices, [0, 2]);
        assert_eq!(body["rejected"][1]["errors"].as_array().unwrap().len(), 8);
    }

    #[test]
    fn without_an_acknowledgement_the_status_is_503_and_the_answer_counts_the_stored_events() {
        let (status, body) = response_to(GOOD, &[], Some(NoBroker));
        assert_eq!((status, &body["accepted"]), (503, &json!(0)));
        let (status, body) = response_to(&format!("[{GOOD},7,{GOOD}]"), &[2], Some(NoBroker));
        assert_eq!((status, &body["accepted"], &body["taken"]), (503, &json!(1), &json!([2])));
        assert_eq!(body["rejected"][0]["index"], 1);
        let response = answer(&posted(GOOD), &Sent { taken: vec![], fault: Some(NoBroker) });
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    }

    /// Lambda's limit for a response is 6 MB.
    #[test]
    fn the_answer_to_10_000_bad_events_stays_below_2_mib() {
        let (_, body) = response_to(&format!("[{}7]", "{},".repeat(9_999)), &[], None);
        assert_eq!(body["rejected"].as_array().unwrap().len(), 10_000);
        assert!(body.to_string().len() < 2 << 20);
    }
}
