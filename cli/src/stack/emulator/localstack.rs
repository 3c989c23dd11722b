//! `LocalStack`'s community edition on this machine, without Docker. What it cannot do without a container, or not at all,
//! is added by our plugin (localstack/localstack/plugin).

use std::{ffi::OsString, fs};

use anyhow::Context as _;

use super::{Emulator, Launch, Layout, LocalStack, part, python_module, tools};
use crate::failure::failure;

/// Refuses to start it for a stack that had one: its community edition keeps nothing when it ends.
///
/// The lake would be empty while Kafka's groups stay where they were, so that the records before them would be in no
/// table, and nothing would say so.
pub(crate) fn refuse_what_is_lost(layout: &Layout, stack: &LocalStack) -> anyhow::Result<()> {
    let lost = stack.emulator == Emulator::Localstack
        && !stack.foreign_emulator
        && stack.outputs.is_some()
        && part(layout).running().is_none();
    if !lost {
        return Ok(());
    }
    Err(failure(
        "LocalStack ended, and its community edition keeps nothing: the lake, the queues and the functions of this stack are gone, while Kafka's consumer groups and Postgres still count their records as stored",
        "run `headwater down --wipe`, then `headwater up` to begin anew",
    ))
}

/// Forgets what Terraform made in an earlier process, before a first `up` that failed is tried again.
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

/// What it is told, here and in a container.
pub(super) fn settings(stack: &LocalStack) -> Vec<(String, OsString)> {
    let address = format!("127.0.0.1:{}", stack.emulator_port);
    [
        ("GATEWAY_LISTEN", address.as_str()),
        // In addresses that it gives out. Its default is a name that a machine without DNS cannot resolve.
        ("LOCALSTACK_HOST", &address),
        // Terraform accepts queue URLs of the form host/account/name only.
        ("SQS_ENDPOINT_STRATEGY", "off"),
        // Its DNS server would take port 53.
        ("DNS_ADDRESS", "0"),
        ("LAMBDA_RUNTIME_EXECUTOR", "headwater"),
        ("HEADWATER_FUNCTIONS_URL", &stack.functions_endpoint()),
        // It asks nobody outside: no certificate, no usage reports, no credentials of the machine.
        ("SKIP_SSL_CERT_DOWNLOAD", "1"),
        ("DISABLE_EVENTS", "1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        // Not a line for each request.
        ("LS_LOG", "warning"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), OsString::from(value)))
    .collect()
}

/// How it is started.
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
