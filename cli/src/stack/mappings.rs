//! Errors of event source mappings, and pausing them. On the local stack the bridge serves them, in AWS Lambda does.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_lambda::{
    Client,
    error::DisplayErrorContext,
    operation::{
        get_event_source_mapping::GetEventSourceMappingOutput,
        update_event_source_mapping::UpdateEventSourceMappingError,
    },
};
use event_source::Mapping;
use tokio::time::{Instant, sleep};

use super::{bridge, layout::Layout, opened::Stack};
use crate::{failure::failure, out};

/// How long Lambda may take to disable or enable a mapping. It usually takes about a minute.
const PATIENCE: Duration = Duration::from_mins(5);
/// Pause between two requests for the state of a mapping.
const LOOK: Duration = Duration::from_secs(1);

/// Values of Lambda's `LastProcessingResult` that mean there is no error.
const WELL: [&str; 2] = ["OK", "No records processed"];

/// Errors of the last batches. Mappings and queues whose last batch succeeded have no entry.
#[derive(Debug, Default)]
pub(crate) struct LastErrors {
    /// Errors of Kafka mappings, by consumer group and topic.
    pub(crate) mappings: BTreeMap<(String, String), String>,
    /// Errors of queues, by queue name. Always empty in AWS: Lambda reports none for SQS.
    pub(crate) queues: BTreeMap<String, String>,
}

/// Returns the error of each mapping and queue whose last batch failed.
///
/// If Lambda cannot be asked, prints a note and returns the errors found so far: `status` then still shows the lag.
pub(crate) async fn last_errors(layout: &Layout, stack: &Stack) -> LastErrors {
    if stack.local().is_some() {
        return bridge::last_errors(layout);
    }
    let client = Client::new(stack.sdk());
    let mut errors = LastErrors::default();
    for mapping in &stack.outputs().event_source_mappings {
        let Some(id) = id(stack, mapping) else { continue };
        match look(&client, id).await {
            Ok(found) => {
                if let Some(error) = error_of(&found) {
                    errors.mappings.insert((mapping.consumer_group.clone(), mapping.topic.clone()), error);
                }
            }
            Err(error) => {
                out::note(format!("{error:#}"));
                break;
            }
        }
    }
    errors
}

/// The error of a mapping: it is not enabled, or its last batch failed. `None` if all is well.
fn error_of(found: &GetEventSourceMappingOutput) -> Option<String> {
    let state = found.state.as_deref().unwrap_or("Enabled");
    if state != "Enabled" {
        return Some(format!("the mapping is {}", state.to_lowercase()));
    }
    found.last_processing_result.clone().filter(|result| !WELL.contains(&result.as_str()))
}

/// A mapping that is paused, so that the offsets of its consumer group can be set. [`Paused::end`] resumes it; dropping
/// it does not.
pub(crate) struct Paused<'a> {
    layout: &'a Layout,
    stack: &'a Stack,
    /// Id of Lambda's mapping; `None` on the local stack.
    id: Option<&'a str>,
    /// Whether the mapping was enabled, or the bridge was running, before the pause.
    pub(crate) ran: bool,
}

impl<'a> Paused<'a> {
    /// Stops the bridge (with all its mappings), or disables the one mapping in Lambda and waits until it is disabled.
    ///
    /// Kafka accepts offsets from outside a consumer group only while the group has no member.
    ///
    /// # Errors
    /// - The stack file has no id for the mapping.
    /// - Lambda does not disable the mapping in time. The mapping is then enabled again.
    pub(crate) async fn begin(
        layout: &'a Layout,
        stack: &'a Stack,
        mapping: &'a Mapping,
    ) -> anyhow::Result<Self> {
        if stack.local().is_some() {
            let ran = bridge::part(layout).running().is_some();
            bridge::stop(layout)?;
            return Ok(Self { layout, stack, id: None, ran });
        }
        let id = id(stack, mapping).ok_or_else(|| {
            failure(
                format!(
                    "the stack file names no event source mapping of {} for {}",
                    mapping.topic, mapping.consumer_group
                ),
                "write the file again with `terraform output -json`; it has no id if Lambda does not poll this topic",
            )
        })?;
        let ran = look(&Client::new(stack.sdk()), id).await?.state.as_deref() != Some("Disabled");
        let paused = Self { layout, stack, id: Some(id), ran };
        if ran {
            out::note("disabling the event source mapping; this takes a minute or two");
            if let Err(error) = paused.switch(false).await {
                // Lambda may still be disabling it.
                paused.switch(true).await.unwrap_or_else(|error| out::note(format!("{error:#}")));
                return Err(error);
            }
        }
        Ok(paused)
    }

    /// Starts the bridge or enables the mapping again, if it ran before the pause.
    pub(crate) async fn end(self) -> anyhow::Result<()> {
        match (self.ran, self.stack.local()) {
            (false, _) => Ok(()),
            (true, Some(local)) => bridge::start(self.layout, local).await,
            (true, None) => self.switch(true).await,
        }
    }

    /// Enables or disables the mapping and waits until Lambda reports the new state. Does nothing on the local stack.
    ///
    /// # Errors
    /// Lambda refuses the change, or needs longer than [`PATIENCE`]. The fix is the command that does it by hand.
    async fn switch(&self, on: bool) -> anyhow::Result<()> {
        let Some(id) = self.id else { return Ok(()) };
        let client = Client::new(self.stack.sdk());
        let (wanted, word) = if on { ("Enabled", "on") } else { ("Disabled", "off") };
        let deadline = Instant::now() + PATIENCE;
        let by_hand = format!(
            "aws lambda update-event-source-mapping --uuid {id} {}enabled",
            if on { "--" } else { "--no-" }
        );
        loop {
            let asked = client.update_event_source_mapping().uuid(id).enabled(on).send().await;
            match asked {
                Ok(_) => break,
                // Lambda accepts no change while an earlier one is in progress.
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(UpdateEventSourceMappingError::is_resource_in_use_exception)
                        && Instant::now() < deadline =>
                {
                    sleep(LOOK).await;
                }
                Err(error) => {
                    return Err(failure(
                        format!("cannot switch the mapping {id} {word}: {}", DisplayErrorContext(&error)),
                        by_hand,
                    ));
                }
            }
        }
        while look(&client, id).await?.state.as_deref() != Some(wanted) {
            if Instant::now() > deadline {
                return Err(failure(
                    format!(
                        "the mapping {id} is not {} after {} s",
                        wanted.to_lowercase(),
                        PATIENCE.as_secs()
                    ),
                    by_hand,
                ));
            }
            sleep(LOOK).await;
        }
        Ok(())
    }
}

/// Asks Lambda for the mapping with this id.
async fn look(client: &Client, id: &str) -> anyhow::Result<GetEventSourceMappingOutput> {
    client.get_event_source_mapping().uuid(id).send().await.map_err(|error| {
        failure(
            format!("cannot read the state of the mapping {id}: {}", DisplayErrorContext(&error)),
            "allow lambda:GetEventSourceMapping to this shell's credentials, and check that Lambda's API can be reached",
        )
    })
}

/// The id of Lambda's mapping of this function and topic, if the stack file has one.
fn id<'a>(stack: &'a Stack, mapping: &Mapping) -> Option<&'a str> {
    let function = stack.folder_of(&mapping.function_name);
    stack.outputs().mapping_ids.get(&function)?.get(&mapping.topic).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(state: &str, result: &str) -> Option<String> {
        error_of(&GetEventSourceMappingOutput::builder().state(state).last_processing_result(result).build())
    }

    #[test]
    fn a_mapping_is_well_when_it_is_on_and_its_last_batch_went_through() {
        for result in WELL {
            assert_eq!(said("Enabled", result), None);
        }
        let problem = "PROBLEM: Connection error. Please check your event source connection configuration.";
        assert_eq!(said("Enabled", problem).as_deref(), Some(problem));
        assert_eq!(said("Disabled", "OK").as_deref(), Some("the mapping is disabled"));
    }
}
