//! How much waits in the queues that feed functions.

use anyhow::Context as _;
use aws_sdk_sqs::types::QueueAttributeName;

use super::{
    aws,
    record::{QueueOutput, Stack},
};

/// What a queue holds.
#[derive(Debug)]
pub(crate) struct QueueDepth<'a> {
    pub(crate) queue: &'a QueueOutput,
    /// Messages that wait, or that a function works on, or that come again later.
    pub(crate) waiting: u64,
    /// Messages that were given up.
    pub(crate) dead: u64,
}

/// Asks the emulator of every queue.
pub(crate) async fn all(stack: &Stack) -> anyhow::Result<Vec<QueueDepth<'_>>> {
    let client = aws_sdk_sqs::Client::new(&aws::config(stack).await);
    let mut depths = Vec::new();
    for queue in &stack.outputs()?.queues {
        let waiting = messages(&client, &queue.url).await?;
        let dead = messages(&client, &queue.dead_letter_url).await?;
        depths.push(QueueDepth { queue, waiting, dead });
    }
    Ok(depths)
}

async fn messages(client: &aws_sdk_sqs::Client, url: &str) -> anyhow::Result<u64> {
    use QueueAttributeName::{
        ApproximateNumberOfMessages, ApproximateNumberOfMessagesDelayed,
        ApproximateNumberOfMessagesNotVisible,
    };
    let names = [
        ApproximateNumberOfMessages,
        ApproximateNumberOfMessagesNotVisible,
        ApproximateNumberOfMessagesDelayed,
    ];
    let asked = client.get_queue_attributes().queue_url(url).set_attribute_names(Some(names.to_vec()));
    let answer = asked.send().await.with_context(|| format!("cannot ask the queue {url}"))?;
    let attributes = answer.attributes.unwrap_or_default();
    Ok(names.iter().filter_map(|name| attributes.get(name)?.parse::<u64>().ok()).sum())
}
