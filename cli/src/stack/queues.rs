//! Number of messages in the queues that feed functions.

use anyhow::Context as _;
use aws_sdk_sqs::types::QueueAttributeName;

use super::{aws, opened::Stack, outputs::QueueOutput, record::LocalStack};

/// Functions that are fed by an SQS queue.
pub(crate) const FED: [&str; 2] = ["bucket-ingester", "inbox-etl"];

/// Makes the dead-letter queues that are not there, before Terraform makes the queues that name them. Terraform would
/// wait 25 s for them before it begins with the others.
pub(crate) async fn make_dead_letter_queues(stack: &LocalStack) -> anyhow::Result<()> {
    let client = aws_sdk_sqs::Client::new(&aws::config(stack).await);
    for function in FED {
        let name = format!("{function}-failed");
        // 1,209,600 s = 14 days, the longest retention of SQS. Must be the same as in Terraform's module.
        let made = client
            .create_queue()
            .queue_name(&name)
            .attributes(QueueAttributeName::MessageRetentionPeriod, "1209600");
        made.send().await.with_context(|| format!("cannot create the queue {name}"))?;
    }
    Ok(())
}

/// Number of messages in a queue and in its dead-letter queue. SQS gives approximate numbers only.
#[derive(Debug)]
pub(crate) struct QueueDepth<'a> {
    pub(crate) queue: &'a QueueOutput,
    /// Messages that are visible, in flight (a function works on them or failed on them), or delayed.
    pub(crate) waiting: u64,
    /// Messages in the dead-letter queue: SQS gave up on them after too many receives.
    pub(crate) dead: u64,
}

/// Asks SQS for the depth of every queue of the stack. Fails if one queue cannot be asked.
pub(crate) async fn all(stack: &Stack) -> anyhow::Result<Vec<QueueDepth<'_>>> {
    let client = aws_sdk_sqs::Client::new(stack.sdk());
    let mut depths = Vec::new();
    for queue in &stack.outputs().queues {
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
