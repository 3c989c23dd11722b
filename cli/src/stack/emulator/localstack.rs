//! Runs `LocalStack`'s community edition on this machine without Docker. Our plugin (localstack/localstack/plugin) adds
//! features that it has only in containers or not at all.

use std::{ffi::OsString, fs};

use anyhow::Context as _;

use super::{Emulator, Launch, Layout, LocalStack, part, python_module, tools};
use crate::failure::failure;

/// Fails if this stack had a `LocalStack` that has ended: its community edition loses all state when it ends.
///
/// With a new one, the lake would be empty, but Kafka's consumer groups would keep their offsets. The records before
/// those offsets would silently be missing from the tables.
pub(crate) fn refuse_what_is_lost(layout: &Layout, stack: &LocalStack) -> anyhow::Result<()> {
    let lost = stack.emulator == Emulator::Localstack
        && !stack.foreign_emulator
        && stack.outputs.is_some()
        && part(layout).running().is_none();
    if !lost {
        return Ok(());
    }
    Err(failure(
        "LocalStack has ended, and its community edition keeps nothing: the lake, the queues and the functions of this stack are lost, but Kafka's consumer groups and Postgres still count their records as stored",
        "delete the rest of the stack with `headwater down --wipe`, then run `headwater up`",
    ))
}

/// Deletes Terraform's state, because a new `LocalStack` process has no resources. Only a stack whose first `up` failed
/// gets here (see [`refuse_what_is_lost`]).
pub(super) fn forget(layout: &Layout) -> anyhow::Result<()> {
    for name in ["terraform.tfstate", "terraform.tfstate.backup", "applied.json"] {
        let file = layout.terraform().join(name);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot delete {}", file.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Environment variables of `LocalStack`, with and without a container.
pub(super) fn settings(stack: &LocalStack) -> Vec<(String, OsString)> {
    let address = format!("127.0.0.1:{}", stack.emulator_port);
    [
        ("GATEWAY_LISTEN", address.as_str()),
        // Host in the URLs that it returns. The default is a name that needs public DNS.
        ("LOCALSTACK_HOST", &address),
        // Terraform accepts queue URLs of the form host/account/name only.
        ("SQS_ENDPOINT_STRATEGY", "off"),
        // 0 disables its DNS server, which would use port 53.
        ("DNS_ADDRESS", "0"),
        ("LAMBDA_RUNTIME_EXECUTOR", "headwater"),
        ("HEADWATER_FUNCTIONS_URL", &stack.functions_endpoint()),
        // No requests to the internet: no certificate, no usage reports, no credentials from the machine's role.
        ("SKIP_SSL_CERT_DOWNLOAD", "1"),
        ("DISABLE_EVENTS", "1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        // The default level logs every request.
        ("LS_LOG", "warning"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), OsString::from(value)))
    .collect()
}

/// Makes the launch of `LocalStack`; installs it first if needed.
pub(super) fn launch(layout: &Layout, stack: &LocalStack) -> anyhow::Result<Launch> {
    let python = tools::localstack(layout)?;
    let volume = layout.data.join("emulator/volume").into_os_string();
    let mut own = settings(stack);
    own.push(("LOCALSTACK_VOLUME_DIR".to_owned(), volume));
    own.push(("GATEWAY_SERVER".to_owned(), "hypercorn".into()));
    let (module, plugin) = ("localstack.runtime.main", "localstack/localstack/plugin");
    python_module(layout, stack, python, "localstack_core", module, plugin, own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{failure::describe, stack::outputs::Outputs};

    #[test]
    fn a_stack_whose_localstack_ended_is_refused_with_the_fix_and_one_that_never_came_up_is_not() {
        let (_dir, layout) = Layout::temporary();
        let mut stack = LocalStack { emulator: Emulator::Localstack, ..LocalStack::default() };
        refuse_what_is_lost(&layout, &stack).unwrap();
        stack.outputs = Some(Outputs::default());
        let said = describe(&refuse_what_is_lost(&layout, &stack).unwrap_err());
        assert!(said.contains("keeps nothing") && said.contains("down --wipe"), "{said}");
        refuse_what_is_lost(&layout, &LocalStack { emulator: Emulator::Ministack, ..stack }).unwrap();
    }

    #[test]
    fn every_address_that_it_gives_out_is_of_this_machine_and_it_asks_nobody_outside() {
        let stack = LocalStack { emulator_port: 4566, functions_port: 4567, ..LocalStack::default() };
        let settings = settings(&stack);
        let value =
            |name: &str| settings.iter().find(|(known, _)| known == name).unwrap().1.to_str().unwrap();
        assert_eq!(value("LOCALSTACK_HOST"), "127.0.0.1:4566");
        assert_eq!(value("GATEWAY_LISTEN"), "127.0.0.1:4566");
        assert_eq!(value("HEADWATER_FUNCTIONS_URL"), "http://127.0.0.1:4567");
        assert_eq!(
            (value("SKIP_SSL_CERT_DOWNLOAD"), value("DISABLE_EVENTS"), value("DNS_ADDRESS")),
            ("1", "1", "0")
        );
    }

    #[test]
    fn the_state_of_a_first_apply_that_failed_is_not_trusted() {
        let (_dir, layout) = Layout::temporary();
        let state = layout.terraform().join("terraform.tfstate");
        fs::write(&state, "{}").unwrap();
        forget(&layout).unwrap();
        assert!(!state.exists());
        forget(&layout).unwrap();
    }
}
