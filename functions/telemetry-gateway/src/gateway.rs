//! The HTTP handler: checks the token, routes by path, and sends events to Kafka.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use faults::chain;
use function_kit::http::{HeaderValue, Method, Request, Response, StatusCode, header};
use kafka::{KafkaProducer, LagReader, OutgoingRecord, ProduceError, SdkConfig};
use serde_json::json;
use tokio::time::Instant;

use crate::answer::{Sent, answer};
use crate::body::{MOST_KEY_CHARS, Posted, Refusal, read};
use crate::settings::Settings;
use crate::token::{StoredSecret, Token};

/// Accepts events over HTTP and sends them to a Kafka topic.
#[derive(Debug)]
pub struct Gateway {
    /// Sends the events.
    producer: KafkaProducer,
    /// Reads the topic's offsets, to count the served events and to check that Kafka answers.
    offsets: LagReader,
    /// Checks tokens; `None` if no token is needed.
    token: Option<Token>,
    topic: String,
    /// The largest body in bytes.
    body_limit: usize,
    /// The longest time for one request, from `PRODUCE_TIMEOUT_SECONDS`. It also limits the check of the
    /// token.
    patience: Duration,
}

impl Gateway {
    /// Creates a gateway that connects to Kafka with its first request.
    #[must_use]
    pub fn new(settings: Settings, sdk: SdkConfig) -> Self {
        let Settings { cluster, topic, token_secret, body_limit, produce_timeout } = settings;
        Self {
            token: token_secret.map(|id| Token::new(StoredSecret::new(id, &sdk))),
            offsets: LagReader::new(cluster.clone(), sdk.clone()),
            producer: KafkaProducer::new(cluster, sdk),
            topic,
            body_limit,
            patience: produce_timeout,
        }
    }

    /// Answers a request before `deadline`, or earlier if the time for sending ends earlier.
    pub async fn answer(&self, request: &Request, deadline: Instant) -> Response {
        let deadline = deadline.min(Instant::now() + self.patience);
        match (request.path.as_str(), &request.method) {
            ("/events", &Method::GET | &Method::POST) => {
                self.events(request, deadline).await.route("/events")
            }
            ("/events", _) => Response::method_not_allowed("GET, HEAD, POST").route("/events"),
            ("/health", &Method::GET) => self.health(deadline).await.route("/health"),
            ("/health", _) => Response::method_not_allowed("GET, HEAD").route("/health"),
            _ => Response::not_found(),
        }
    }

    /// Checks the token, and answers `GET` and `POST` on `/events`. 503 if the secret cannot be read and was
    /// never read.
    async fn events(&self, request: &Request, deadline: Instant) -> Response {
        if let Some(token) = &self.token {
            match token.allows(request.header("authorization"), deadline).await {
                Ok(true) => {}
                Ok(false) => return unauthorized(),
                Err(error) => {
                    return Response::unavailable("the token cannot be checked now").because(chain(&error));
                }
            }
        }
        if request.method == Method::GET {
            self.welcome(deadline).await
        } else {
            self.take(request, deadline).await
        }
    }

    /// Answers `POST /events`: parses the body and sends the valid events. All records of the request get the
    /// time of its arrival as their timestamp.
    async fn take(&self, request: &Request, deadline: Instant) -> Response {
        let received_ms = now_ms();
        if request.body.len() > self.body_limit {
            let error = format!("the body has more than {} bytes", self.body_limit);
            return Response::error(StatusCode::PAYLOAD_TOO_LARGE, &error);
        }
        let key = idempotency_key(request);
        let posted = key.and_then(|key| Ok((key, read(&request.headers, &request.body)?)));
        let (key, posted) = match posted {
            Ok(posted) => posted,
            Err(refusal) => return refused(&refusal),
        };
        let sent = self.send(&posted, key, received_ms, deadline).await;
        answer(&posted, &sent)
    }

    /// Sends the valid events, and returns which of them the brokers acknowledged. Indexes refer to the
    /// request, so they also count the events that are not valid.
    async fn send(
        &self,
        posted: &Posted,
        key: Option<&str>,
        received_ms: i64,
        deadline: Instant,
    ) -> Sent<ProduceError> {
        let records = records(posted, key, received_ms);
        let mut taken: Vec<usize> = posted.events().map(|(index, _)| index).collect();
        let Err(error) = self.producer.send_all(&self.topic, records, deadline).await else {
            return Sent { taken, fault: None };
        };
        match &error {
            ProduceError::Connect(_) => taken.clear(),
            ProduceError::NotAcknowledged { unacknowledged, .. } => {
                let mut number = 0..;
                taken.retain(|_| {
                    number.next().is_some_and(|number| unacknowledged.binary_search(&number).is_err())
                });
            }
        }
        Sent { taken, fault: Some(error) }
    }

    /// Answers `GET /events`. The number is the sum of the partitions' end offsets, so it also counts records
    /// that Kafka has deleted since.
    async fn welcome(&self, deadline: Instant) -> Response {
        match self.offsets.ends(&self.topic, deadline).await {
            Ok(ends) => {
                let served: i64 = ends.values().map(|(_, end)| end).sum();
                let text =
                    format!("Welcome to the telemetry gateway of Headwater.\nEvents served: {served}.\n");
                Response::text(StatusCode::OK, "text/plain; charset=utf-8", text)
            }
            Err(error) => Response::unavailable("Kafka does not answer").because(chain(&error)),
        }
    }

    /// Answers `GET /health`: 200 if the brokers return the topic's offsets, otherwise 503.
    async fn health(&self, deadline: Instant) -> Response {
        match self.offsets.ends(&self.topic, deadline).await {
            Ok(_) => Response::json(StatusCode::OK, &json!({"status": "ok"})),
            Err(error) => Response::unavailable("Kafka does not answer").because(chain(&error)),
        }
    }
}

/// The Kafka records of the valid events, in their order. The key is the vehicle's id, so the events of each
/// vehicle keep their order.
///
/// The header `idempotency-key` of an event in a list is `key/index`, with the event's index in the request,
/// so that each record has its own key.
fn records(posted: &Posted, key: Option<&str>, received_ms: i64) -> Vec<OutgoingRecord> {
    let record = |(index, event): (usize, &crate::Event)| {
        let mut headers = Vec::new();
        if let Some(id) = &event.event_id {
            headers.push(("event-id".to_owned(), Bytes::from(id.clone())));
        }
        if let Some(key) = key {
            let key = match posted {
                Posted::One(_) => key.to_owned(),
                Posted::Many(_) => format!("{key}/{index}"),
            };
            headers.push(("idempotency-key".to_owned(), key.into()));
        }
        let timestamp_ms = Some(received_ms);
        OutgoingRecord { key: event.vin.clone().into(), value: event.value().into(), headers, timestamp_ms }
    };
    posted.events().map(record).collect()
}

/// The value of the header `Idempotency-Key`; `None` if there is none.
///
/// # Errors
/// [`Refusal::Key`] if it is empty, too long, or has other characters than visible ASCII.
fn idempotency_key(request: &Request) -> Result<Option<&str>, Refusal> {
    let Some(value) = request.headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| {
        (1..=MOST_KEY_CHARS).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    });
    key.map(Some).ok_or(Refusal::Key)
}

/// The response to a request that is rejected as a whole: 415, 413 or 400.
fn refused(refusal: &Refusal) -> Response {
    let status = match refusal {
        Refusal::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Refusal::TooMany => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::Empty | Refusal::Key | Refusal::Broken(_) => StatusCode::BAD_REQUEST,
    };
    Response::error(status, &refusal.to_string())
}

/// A 401 with `WWW-Authenticate: Bearer` (RFC 6750). It does not say whether the token is missing or wrong.
fn unauthorized() -> Response {
    Response::error(StatusCode::UNAUTHORIZED, "a token is required: Authorization: Bearer …")
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

/// Milliseconds since the Unix epoch.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use function_kit::http::HeaderMap;

    use super::*;

    /// A valid event with an id.
    const GOOD: &str = r#"{"timestamp":1,"make":"Ford","model":"Edge","position_x":0,"position_y":0,"position_z":0,"speed":2,"vin":"GD9KE1GANAGOCJ64E","event_id":"e-1"}"#;

    fn posted(body: &str) -> Posted {
        let headers =
            HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        read(&headers, body.as_bytes()).unwrap()
    }

    /// The text of a record's header.
    fn header(record: &OutgoingRecord, name: &str) -> Option<String> {
        let found = record.headers.iter().find(|(other, _)| other == name)?;
        Some(String::from_utf8(found.1.to_vec()).unwrap())
    }

    /// The id of the event and the client's key for the request become headers of the record.
    #[test]
    fn a_record_has_the_vehicle_as_key_and_the_senders_ids_as_headers() {
        let records = records(&posted(GOOD), Some("k"), 7);
        let [record] = &records[..] else { panic!("{records:?}") };
        assert_eq!((&record.key[..], record.timestamp_ms), (&b"GD9KE1GANAGOCJ64E"[..], Some(7)));
        assert_eq!(header(record, "event-id").as_deref(), Some("e-1"));
        assert_eq!(header(record, "idempotency-key").as_deref(), Some("k"));
    }

    /// The rejected first element keeps its index, so a repeated request gives the same keys.
    #[test]
    fn the_idempotency_key_of_an_array_element_ends_with_its_index_in_the_request() {
        let records = records(&posted(&format!("[7,{GOOD},{GOOD}]")), Some("k"), 7);
        let keys: Vec<_> = records.iter().filter_map(|record| header(record, "idempotency-key")).collect();
        assert_eq!(keys, ["k/1", "k/2"]);
    }

    #[test]
    fn an_idempotency_key_is_visible_ascii_of_a_bounded_length() {
        let request = |key: &[u8]| Request {
            method: Method::POST,
            path: "/events".into(),
            query: std::collections::BTreeMap::new(),
            headers: HeaderMap::from_iter([(
                function_kit::http::HeaderName::from_static("idempotency-key"),
                HeaderValue::from_bytes(key).unwrap(),
            )]),
            body: Bytes::new(),
        };
        assert_eq!(idempotency_key(&request(&[b'x'; 200])).unwrap().map(str::len), Some(200));
        for bad in [&[b'x'; 201][..], b"", b"a b", "ü".as_bytes()] {
            assert_eq!(idempotency_key(&request(bad)), Err(Refusal::Key), "{bad:?}");
        }
    }
}
