//! Recognises resources that exist although they are not in Terraform's state.
//!
//! The provider repeats a request that gets no answer. A busy emulator may have carried out the first request; then the
//! second one fails because the resource exists. A killed `up` can also leave such resources.

use serde_json::Value;

/// A resource that exists in the emulator but not in Terraform's state. It can be imported.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unheard {
    /// Address of the resource in the configuration.
    pub(crate) address: String,
    /// Id of the resource for `terraform import`.
    pub(crate) id: String,
}

/// Parts of the messages by which AWS services say that a resource exists.
const EXISTS: [&str; 4] =
    ["already exist", "AlreadyExists", "ResourceConflictException", "ConflictException"];

impl Unheard {
    /// Reads an error of `terraform apply`. Returns `None` if it does not say that a resource already exists.
    ///
    /// The provider's message has the form `creating KIND (NAME): …`. For most resources, `NAME` is also the id for
    /// `terraform import`; schedules need their group in front.
    pub(crate) fn of(diagnostic: &Value) -> Option<Self> {
        let address = diagnostic["address"].as_str()?;
        let text = |name: &str| diagnostic[name].as_str().unwrap_or_default();
        let (summary, detail) = (text("summary"), text("detail"));
        let creates = summary.starts_with("creating ") || summary.starts_with("adding ");
        let exists = EXISTS.iter().any(|words| summary.contains(words) || detail.contains(words));
        if !creates || !exists {
            return None;
        }
        let (_, rest) = summary.split_once(" (")?;
        let (name, _) = rest.split_once("): ")?;
        let id = if address.contains("aws_scheduler_schedule.") && !name.contains('/') {
            format!("default/{name}")
        } else {
            name.to_owned()
        };
        Some(Self { address: address.to_owned(), id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str, summary: &str) -> Option<(String, String)> {
        let diagnostic =
            serde_json::json!({"severity": "error", "address": address, "summary": summary, "detail": ""});
        Unheard::of(&diagnostic).map(|unheard| (unheard.address, unheard.id))
    }

    #[test]
    fn what_exists_is_imported_by_the_name_that_the_provider_tells() {
        let told =
            |operation: &str| format!("operation error {operation}, https response error StatusCode: 409");
        for (address, summary, id) in [
            (
                "module.lanes.module.live_board.aws_lambda_function_url.this",
                format!(
                    "creating Lambda Function URL (h-live-board): {}, ResourceConflictException: Function URL config \
                     already exists for h-live-board",
                    told("Lambda: CreateFunctionUrlConfig")
                ),
                "h-live-board",
            ),
            (
                "module.a.aws_iam_role.this",
                format!("creating IAM Role (h-a): {}, EntityAlreadyExists: Role", told("IAM: CreateRole")),
                "h-a",
            ),
            (
                "module.a.aws_lambda_permission.url[0]",
                format!("adding Lambda Permission (h-a/url): {}, ResourceConflictException", told("Lambda")),
                "h-a/url",
            ),
            (
                "module.a.aws_scheduler_schedule.this",
                format!(
                    "creating Amazon EventBridge Scheduler Schedule (h-a): {}, ConflictException",
                    told("Scheduler: CreateSchedule")
                ),
                "default/h-a",
            ),
        ] {
            assert_eq!(of(address, &summary), Some((address.to_owned(), id.to_owned())), "{summary}");
        }
    }

    #[test]
    fn any_other_fault_is_reported_as_it_is() {
        let address = "module.a.aws_lambda_function.this";
        assert_eq!(of(address, "creating Lambda Function (h-a): AccessDenied"), None);
        assert_eq!(
            of(address, "updating Lambda Function (h-a): ResourceConflictException: in progress"),
            None
        );
        assert_eq!(of(address, "creating Lambda Function: ResourceConflictException"), None);
    }
}
