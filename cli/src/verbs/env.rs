//! `headwater env`: prints the environment variables by which other tools reach the stack.

use clap::Args;

use crate::{
    out,
    stack::{layout::Layout, opened::Stack},
};

/// Arguments of `headwater env`.
#[derive(Debug, Args)]
#[command(after_help = "\
Use it to point the AWS command line, psql, Kafka's tools or Spark at the stack. Prints `export NAME=value` lines for
the shell: the addresses of Kafka, Postgres, the gateway and the board, the buckets, and the folders of the lake and of
parked records. With --stack, the lines contain no credentials: the shell has its own (AWS_PROFILE, …).

Examples:
  eval \"$(headwater env)\"
  aws s3 ls \"$HEADWATER_LAKE\" --recursive
  psql \"$DATABASE_URL\" -c 'select * from room_n_total_counts'")]
pub(crate) struct Env {}

/// Prints one `export NAME=value` line per variable of [`Stack::variables`].
///
/// # Errors
/// No `headwater up` has finished, or the stack file lacks an output.
pub(crate) async fn run(layout: &Layout) -> anyhow::Result<()> {
    for (name, value) in Stack::open(layout).await?.variables()? {
        out::line(format!("export {name}={}", quoted(&value)));
    }
    Ok(())
}

/// Quotes a value for a POSIX shell. A value of harmless characters only is returned without quotation marks.
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
    fn a_shell_reads_a_quoted_value_unchanged() {
        for value in ["plain", "postgres://u:p@127.0.0.1:5432/d?sslmode=disable", "it's", "a b", ""] {
            let script = format!("printf %s {}", quoted(value));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
        }
    }
}
