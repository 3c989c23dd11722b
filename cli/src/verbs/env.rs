//! `headwater env`: how other tools reach the stack.

use clap::Args;

use crate::{
    out,
    stack::{layout::Layout, opened::Stack},
};

/// Arguments of `headwater env`.
#[derive(Debug, Args)]
#[command(after_help = "\
With --stack the variables hold no credentials: the shell has its own (AWS_PROFILE, …).

Examples:
  eval \"$(headwater env)\"
  aws s3 ls \"$HEADWATER_LAKE\" --recursive
  psql \"$DATABASE_URL\" -c 'select * from room_n_total_counts'")]
pub(crate) struct Env {}

/// Prints `export NAME=value` lines.
pub(crate) async fn run(layout: &Layout) -> anyhow::Result<()> {
    for (name, value) in Stack::open(layout).await?.variables()? {
        out::line(format!("export {name}={}", quoted(&value)));
    }
    Ok(())
}

/// As a shell reads it back; plain words stay as they are.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_from_a_shell_as_it_was() {
        for value in ["plain", "postgres://u:p@127.0.0.1:5432/d?sslmode=disable", "it's", "a b", ""] {
            let script = format!("printf %s {}", quoted(value));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
        }
    }
}
