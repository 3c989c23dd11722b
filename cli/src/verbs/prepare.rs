//! `headwater prepare` (hidden): installs the parts of a stack without starting them, and prints `export` lines for
//! scripts. `scripts/test` runs it before the tests.

use clap::Args;

use crate::{
    out,
    stack::{emulator::Emulator, layout::Layout, requirements, terraform, tools},
};

/// Arguments of `headwater prepare`.
#[derive(Debug, Args)]
pub(crate) struct Prepare {
    /// Install only Spark, and print where it is
    #[arg(long)]
    spark: bool,
    /// The emulator to install
    #[arg(long, value_enum, default_value_t)]
    emulator: Emulator,
}

/// Checks the required programs and the free space, installs the emulator and Kafka, and prints the variables that
/// configure Terraform's command line. With `--spark`, installs only Spark and prints the paths of its Python and jars.
///
/// # Errors
/// A required program is missing, the disk is too full, or a download fails.
pub(crate) fn run(layout: &Layout, args: &Prepare) -> anyhow::Result<()> {
    if args.spark {
        let spark = tools::spark(layout)?;
        out::line(format!("export HEADWATER_SPARK_PYTHON='{}'", spark.python.display()));
        out::line(format!("export HEADWATER_SPARK_JARS='{}'", spark.jars.display()));
        return Ok(());
    }
    requirements::all(layout, false, Some(args.emulator))?;
    layout.require_space()?;
    args.emulator.install(layout)?;
    tools::kafka(layout)?;
    for (name, value) in terraform::cli_configuration(layout)? {
        out::line(format!("export {name}='{}'", value.display()));
    }
    Ok(())
}
