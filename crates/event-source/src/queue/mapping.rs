//! The settings of an SQS mapping.

use serde::{Deserialize, Serialize};

use crate::mapping::InvalidMapping;

/// An SQS event source mapping: one element of the Terraform output `queue_mappings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueMapping {
    /// The function's name or ARN.
    pub function_name: String,
    /// The queue's URL.
    pub queue_url: String,
    /// The queue's ARN. It is also the value of `eventSourceARN` in the events.
    pub queue_arn: String,
    /// The largest number of messages in an invocation (1 to 10,000; more than 10 need a window).
    pub batch_size: u32,
    /// How long a batch waits for more messages, in seconds (0 to 300; 0 for a FIFO queue).
    pub window_seconds: u32,
    /// Whether the function's answer names the failed messages (`ReportBatchItemFailures`).
    pub partial_batch_response: bool,
    /// The largest number of concurrent invocations (2 to 1,000); `None` for the default of AWS.
    pub maximum_concurrency: Option<u32>,
}

impl QueueMapping {
    /// The queue's name.
    #[must_use]
    pub fn queue_name(&self) -> &str {
        self.queue_arn.rsplit(':').next().unwrap_or_default()
    }

    /// Whether the queue is a FIFO queue, in which messages of one group must stay in order.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.queue_arn.rsplit_once('.').is_some_and(|(_, end)| end == "fifo")
    }

    /// The region in the queue's ARN.
    #[must_use]
    pub fn region(&self) -> &str {
        self.queue_arn.split(':').nth(3).unwrap_or_default()
    }

    /// Checks the limits that AWS sets for each setting.
    ///
    /// Fails with an [`InvalidMapping`] that lists all problems.
    pub fn validate(&self) -> Result<(), InvalidMapping> {
        let mut problems = Vec::new();
        for (name, value) in [("function_name", &self.function_name), ("queue_url", &self.queue_url)] {
            if value.is_empty() {
                problems.push(format!("{name} is empty"));
            }
        }
        if !self.queue_arn.starts_with("arn:") || self.queue_arn.split(':').count() != 6 {
            problems.push(format!("queue_arn is {:?}, must be the ARN of a queue", self.queue_arn));
        }
        if !(1..=10_000).contains(&self.batch_size) {
            problems.push(format!("batch_size is {}, must be 1 to 10000", self.batch_size));
        }
        if self.window_seconds > 300 {
            problems.push(format!("window_seconds is {}, must be 0 to 300", self.window_seconds));
        }
        if self.is_fifo() && self.window_seconds > 0 {
            problems.push("window_seconds must be 0: a FIFO queue does not support a window".to_owned());
        } else if self.window_seconds == 0 && self.batch_size > 10 {
            problems.push(format!("batch_size is {}: more than 10 need a window", self.batch_size));
        }
        if let Some(most) = self.maximum_concurrency
            && !(2..=1000).contains(&most)
        {
            problems.push(format!("maximum_concurrency is {most}, must be 2 to 1000"));
        }
        if problems.is_empty() {
            return Ok(());
        }
        let from = self.queue_name().to_owned();
        Err(InvalidMapping { function_name: self.function_name.clone(), from, problems })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping() -> serde_json::Value {
        serde_json::json!({
            "function_name": "inbox-etl",
            "queue_url": "http://127.0.0.1:4566/000000000000/inbox-etl",
            "queue_arn": "arn:aws:sqs:us-east-1:000000000000:inbox-etl",
            "batch_size": 10, "window_seconds": 0, "partial_batch_response": true, "maximum_concurrency": null
        })
    }

    #[test]
    fn the_terraform_output_is_read_and_written_back_as_it_is() {
        let read: QueueMapping = serde_json::from_value(mapping()).unwrap();
        assert_eq!(read.validate(), Ok(()));
        assert_eq!((read.queue_name(), read.region(), read.is_fifo()), ("inbox-etl", "us-east-1", false));
        assert_eq!(serde_json::to_value(&read).unwrap(), mapping());
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let mut json = mapping();
        json["queue_arn"] = "arn:aws:sqs:us-east-1:000000000000:f.fifo".into();
        json["batch_size"] = 0.into();
        json["window_seconds"] = 301.into();
        json["maximum_concurrency"] = 1.into();
        let read = serde_json::from_value::<QueueMapping>(json).unwrap();
        let error = read.validate().unwrap_err();
        assert_eq!(error.problems.len(), 4, "{error}");
        let mut json = mapping();
        json["batch_size"] = 11.into();
        assert!(serde_json::from_value::<QueueMapping>(json).unwrap().validate().is_err());
    }
}
