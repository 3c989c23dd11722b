//! `headwater prepare` (hidden): brings the parts without starting them, and says what scripts need to know.

use clap::Args;

use crate::{
    out,
    stack::{emulator::Emulator, layout::Layout, requirements, terraform, tools},
};

/// Arguments of `headwater prepare`.
#[derive(Debug, Args)]
pub(crate) struct Prepare {
    /// Only what runs Spark jobs; prints where it is
    #[arg(long)]
    spark: bool,
    /// The emulator to bring
    #[arg(long, value_enum, default_value_t)]
    emulator: Emulator,
}

/// Installs, checks, and prints `export` lines.
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
