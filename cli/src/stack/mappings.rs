//! What reads topics for the functions: the local bridge, or Lambda's event source mappings.

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

/// How long Lambda may take to switch a mapping off or on: mostly a minute.
const PATIENCE: Duration = Duration::from_mins(5);
const LOOK: Duration = Duration::from_secs(1);

/// What Lambda says of a mapping that has nothing to say.
const WELL: [&str; 2] = ["OK", "No records processed"];

/// The errors of what last failed.
#[derive(Debug, Default)]
pub(crate) struct LastErrors {
    /// Of mappings, by group and topic.
    pub(crate) mappings: BTreeMap<(String, String), String>,
    /// Of queues, by name. Lambda says nothing about them.
    pub(crate) queues: BTreeMap<String, String>,
}

/// The error of each mapping and queue whose last batch failed. What Lambda does not tell is left out with a note.
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

/// What is wrong with a mapping.
fn error_of(found: &GetEventSourceMappingOutput) -> Option<String> {
    let state = found.state.as_deref().unwrap_or("Enabled");
    if state != "Enabled" {
        return Some(format!("the mapping is {}", state.to_lowercase()));
    }
    found.last_processing_result.clone().filter(|result| !WELL.contains(&result.as_str()))
}

/// A group that nobody reads for, so that its offsets can be set.
pub(crate) struct Paused<'a> {
    layout: &'a Layout,
    stack: &'a Stack,
    /// The mapping to be switched on again.
    id: Option<&'a str>,
    /// Whether anybody read before.
    pub(crate) ran: bool,
}

impl<'a> Paused<'a> {
    /// Stops the bridge, or switches the mapping off. Kafka takes offsets from outside of a group only while it has no member.
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
                "write it again with `terraform output -json`; where Lambda does not poll there is none",
            )
        })?;
        let ran = look(&Client::new(stack.sdk()), id).await?.state.as_deref() != Some("Disabled");
        let paused = Self { layout, stack, id: Some(id), ran };
        if ran {
            out::note("switching the event source mapping off, which takes a minute or two");
            if let Err(error) = paused.switch(false).await {
                // It may be on its way off.
                paused.switch(true).await.unwrap_or_else(|error| out::note(format!("{error:#}")));
                return Err(error);
            }
        }
        Ok(paused)
    }

    /// Has the group read for again, where it was before.
    pub(crate) async fn end(self) -> anyhow::Result<()> {
        match (self.ran, self.stack.local()) {
            (false, _) => Ok(()),
            (true, Some(local)) => bridge::start(self.layout, local).await,
            (true, None) => self.switch(true).await,
        }
    }

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
                // One change at a time.
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

async fn look(client: &Client, id: &str) -> anyhow::Result<GetEventSourceMappingOutput> {
    client.get_event_source_mapping().uuid(id).send().await.map_err(|error| {
        failure(
            format!("cannot look at the mapping {id}: {}", DisplayErrorContext(&error)),
            "this needs lambda:GetEventSourceMapping, and a way to Lambda's API",
        )
    })
}

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
