//! The stack file: what `terraform output -json` prints.

use std::path::Path;

use serde_json::{Map, Value};

use super::outputs::Outputs;
use crate::failure::failure;

const FIX: &str = "write it with `terraform output -json > stack.json` in terraform/environments/aws; on the host of the \
                   operators it is /etc/headwater/stack.json";

/// Reads a stack file. Every error has the fix to write the file again.
pub(crate) fn read(file: &Path) -> anyhow::Result<Outputs> {
    let shown = file.display();
    let bytes = std::fs::read(file).map_err(|error| failure(format!("cannot read {shown}: {error}"), FIX))?;
    parse(&bytes).map_err(|reason| failure(format!("{shown} is not a stack file: {reason}"), FIX))
}

/// Takes the `value` of each output; Terraform adds `type` and `sensitive`.
fn parse(bytes: &[u8]) -> Result<Outputs, String> {
    let outputs: Map<String, Value> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if outputs.is_empty() {
        return Err("it has no outputs: nothing was applied in that folder".to_owned());
    }
    // Outputs that are null are left out, so that the fields get their default values.
    let values = outputs.into_iter().filter_map(|(name, mut output)| {
        let value = output.get_mut("value").map(Value::take).filter(|value| !value.is_null())?;
        Some((name, value))
    });
    serde_json::from_value(Value::Object(values.collect())).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read_without_their_types_and_null_is_the_same_as_missing() {
        let text = r#"{
            "event_source_mappings": {"sensitive": false, "type": ["tuple", []], "value": []},
            "topics": {"value": []}, "lake_root": {"value": "s3://lake"}, "parked_root": {"value": "s3://parked/parked"},
            "functions": {"value": {"live-board": "h-live-board"}}, "live_versions": {"value": {"live-board": "7"}},
            "forecast": {"value": null}, "urls": {"value": null}, "something_new": {"value": {"a": 1}}
        }"#;
        let outputs = parse(text.as_bytes()).unwrap();
        assert_eq!(outputs.lake_root, "s3://lake");
        assert_eq!(outputs.live_versions["live-board"].as_deref(), Some("7"));
        assert!(outputs.forecast.is_none() && outputs.urls.is_empty());
    }

    #[test]
    fn what_is_no_stack_file_is_refused_with_the_command_that_writes_one() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, reason) in [
            ("{}", "nothing was applied"),
            ("[1]", "invalid type"),
            (r#"{"topics": {"value": []}}"#, "missing field"),
        ] {
            std::fs::write(file.path(), text).unwrap();
            let error = crate::failure::describe(&read(file.path()).unwrap_err());
            assert!(error.contains(reason) && error.contains("terraform output -json"), "{error}");
        }
        let error = crate::failure::describe(&read(Path::new("/nowhere/stack.json")).unwrap_err());
        assert!(error.contains("/nowhere/stack.json") && error.contains("terraform output -json"), "{error}");
    }
}
