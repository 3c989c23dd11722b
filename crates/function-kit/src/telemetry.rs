//! One wide log event per invocation. The same line holds its metrics in CloudWatch's embedded metric format (EMF).

use std::io::Write;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use tracing_subscriber::filter::LevelFilter;

/// The CloudWatch namespace of all metrics.
pub const NAMESPACE: &str = "Headwater";

/// Writes the log messages of libraries to standard error as JSON. `LOG_LEVEL` sets the level (default `warn`).
///
/// An invalid level counts as `warn`: a wrong log setting must not stop a function.
pub fn init_tracing() {
    let level = std::env::var("LOG_LEVEL").ok().and_then(|level| level.parse::<LevelFilter>().ok());
    // A second call fails and keeps the first subscriber. Tests call this several times.
    let _ = tracing_subscriber::fmt()
        .json()
        .with_max_level(level.unwrap_or(LevelFilter::WARN))
        .with_writer(std::io::stderr)
        .try_init();
}

/// The unit of a metric, by CloudWatch's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of items.
    Count,
    /// A duration of an invocation or a request.
    Milliseconds,
    /// An age, such as that of the oldest unchecked window.
    Seconds,
    /// A size of a payload or a file.
    Bytes,
}

impl Unit {
    /// CloudWatch's name of the unit.
    fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Seconds => "Seconds",
            Self::Milliseconds => "Milliseconds",
            Self::Bytes => "Bytes",
        }
    }
}

/// The log event of one invocation. It is filled during the invocation and written once, at its end.
#[derive(Debug)]
pub struct WideEvent {
    /// The start of the invocation, for the metric `Duration`.
    started: Instant,
    fields: Map<String, Value>,
    /// The declarations of the metrics in EMF: name and unit. The values are in `fields`.
    metrics: Vec<Value>,
    fault: Option<String>,
}

impl WideEvent {
    /// Creates the event of the invocation `request_id`. Its dimensions `function` and `environment` come from
    /// `AWS_LAMBDA_FUNCTION_NAME` and `HEADWATER_ENVIRONMENT` (default `local`). The duration starts now.
    #[must_use]
    pub fn new(request_id: &str) -> Self {
        let mut event =
            Self { started: Instant::now(), fields: Map::new(), metrics: Vec::new(), fault: None };
        let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
        let environment = std::env::var("HEADWATER_ENVIRONMENT").unwrap_or_else(|_| "local".into());
        event.field("function", function).field("environment", environment).field("request_id", request_id);
        event
    }

    /// Adds a field. The value must not contain a record's payload or a secret.
    pub fn field(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a metric, and a field of the same name.
    pub fn metric(&mut self, name: &str, value: u64, unit: Unit) -> &mut Self {
        self.metrics.push(json!({"Name": name, "Unit": unit.as_str()}));
        self.field(name, value)
    }

    /// Records a fault of an invocation that Lambda sees as a success. The text must not contain a record's payload or
    /// a secret.
    pub fn fault(&mut self, fault: impl Into<String>) -> &mut Self {
        self.fault = Some(fault.into());
        self
    }

    /// The event as one line of JSON. With a fault (the argument, or the one recorded earlier) its level is `ERROR` and
    /// its metric `Faults` is 1; without one they are `INFO` and 0.
    #[must_use]
    pub fn line(mut self, fault: Option<&str>) -> String {
        let fault = fault.map(str::to_owned).or(self.fault.take());
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.metric("Duration", elapsed, Unit::Milliseconds);
        self.metric("Faults", u64::from(fault.is_some()), Unit::Count);
        self.field("level", if fault.is_some() { "ERROR" } else { "INFO" });
        if let Some(fault) = fault {
            self.field("fault", fault);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let timestamp = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let directive = json!({
            "Namespace": NAMESPACE,
            "Dimensions": [["environment", "function"]],
            "Metrics": self.metrics,
        });
        self.fields.insert("_aws".into(), json!({"Timestamp": timestamp, "CloudWatchMetrics": [directive]}));
        Value::Object(self.fields).to_string()
    }

    /// Writes the line to standard output, from which Lambda takes a function's logs.
    pub fn write(self, fault: Option<&str>) {
        // An error of writing is ignored: a closed pipe must not fail an invocation that succeeded.
        let _ = writeln!(std::io::stdout().lock(), "{}", self.line(fault));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_all_fields_and_declares_every_metric() {
        let mut event = WideEvent::new("r-1");
        event.field("topic", "rooms-v1").metric("RecordsStored", 7, Unit::Count);
        let line = event.line(Some("lost"));
        assert!(!line.contains('\n'));
        let parsed: Value = serde_json::from_str(&line).unwrap();
        let directive = &parsed["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], NAMESPACE);
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(parsed[metric["Name"].as_str().unwrap()].is_u64(), "{metric} has a value");
        }
        for dimension in directive["Dimensions"][0].as_array().unwrap() {
            assert!(parsed[dimension.as_str().unwrap()].is_string(), "{dimension} has a value");
        }
        assert_eq!(
            (&parsed["RecordsStored"], &parsed["fault"], &parsed["level"]),
            (&json!(7), &json!("lost"), &json!("ERROR"))
        );
    }
}
