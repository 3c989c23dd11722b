//! Executes a poller's steps: invokes the function, or gives records up.

use std::sync::Arc;

use aws_config::SdkConfig;
use kafka_batch::event::MskEvent;

use super::BridgeConfig;
use super::destination::FailureDestination;
use super::functions::{Functions, Invoked};
use crate::{Batch, GivenUp, Mapping, Outcome, interpret};

/// Builds the events of one mapping and delivers them. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Deliverer(Arc<Inner>);

/// What the deliveries of one mapping share.
#[derive(Debug)]
struct Inner {
    functions: Functions,
    /// Where given-up records are written. `None` if the mapping has no `on_failure`.
    destination: Option<FailureDestination>,
    /// The name or ARN of the function.
    function_name: String,
    topic: String,
    /// Whether the answer names the records to retry.
    partial_batch_response: bool,
    /// The value of `eventSourceArn` in the event.
    event_source_arn: String,
    /// The value of `bootstrapServers` in the event.
    bootstrap_servers: String,
}

impl Deliverer {
    pub(super) fn new(
        sdk: &SdkConfig,
        functions: Functions,
        mapping: &Mapping,
        config: &BridgeConfig,
    ) -> Self {
        Self(Arc::new(Inner {
            functions,
            destination: FailureDestination::of(sdk, mapping),
            function_name: mapping.function_name.clone(),
            topic: mapping.topic.clone(),
            partial_batch_response: mapping.partial_batch_response,
            event_source_arn: config.event_source_arn.clone(),
            bootstrap_servers: config.bootstrap_servers.clone(),
        }))
    }

    /// The size in bytes of an event without records.
    ///
    /// The poller subtracts it from the payload limit.
    pub(super) fn envelope_bytes(&self) -> usize {
        MskEvent::new(&self.0.event_source_arn, &self.0.bootstrap_servers).payload_bytes()
    }

    /// Invokes the function with a batch and waits for the answer.
    ///
    /// The result says which records were handled. [`Outcome::Unavailable`] does not count as a try.
    pub(super) async fn invoke(self, batch: Arc<Batch>) -> Outcome {
        match self.0.functions.invoke(&self.0.function_name, self.event(&batch)).await {
            Invoked::Answer(answer) => {
                interpret(self.0.partial_batch_response, &self.0.topic, &batch, &answer)
            }
            Invoked::Failed(error) => Outcome::Failed(error),
            Invoked::Unavailable(reason) => Outcome::Unavailable(reason),
        }
    }

    /// Writes given-up records to the failure destination. Without a destination it drops them, as AWS does, and logs
    /// an error.
    ///
    /// If the write fails, the result is [`Outcome::Unavailable`], so the poller tries again.
    pub(super) async fn give_up(self, given_up: GivenUp) -> Outcome {
        let records = &given_up.batch.records;
        let Some(destination) = &self.0.destination else {
            tracing::error!(
                topic = %self.0.topic, function = %self.0.function_name, reason = ?given_up.reason,
                records = records.len(), first = ?records.first().map(|record| (record.partition, record.offset)),
                last = ?records.last().map(|record| (record.partition, record.offset)),
                "records dropped: they were given up and the mapping has no failure destination"
            );
            return Outcome::Handled;
        };
        match destination.write(&given_up, |batch| self.event(batch)).await {
            Ok(()) => Outcome::Handled,
            Err(error) => Outcome::Unavailable(format!("failure destination: {error}")),
        }
    }

    /// The event in Lambda's format, as JSON.
    fn event(&self, batch: &Batch) -> Vec<u8> {
        let mut event = MskEvent::new(&self.0.event_source_arn, &self.0.bootstrap_servers);
        for record in &batch.records {
            event.push(
                &self.0.topic,
                record.partition,
                record.offset,
                record.timestamp_ms,
                record.key.as_deref(),
                record.value.as_deref(),
                &record.headers,
            );
        }
        event.to_json()
    }
}
