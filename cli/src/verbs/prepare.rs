//! `headwater prepare` (hidden): brings the parts without starting them, and says what scripts need to know.

use crate::{
    out,
    stack::{layout::Layout, requirements, terraform, tools},
};

/// Installs, checks, and prints `export` lines.
pub(crate) fn run(layout: &Layout) -> anyhow::Result<()> {
    requirements::all(layout, false, true)?;
    layout.require_space()?;
    tools::emulator(layout)?;
    tools::kafka(layout)?;
    for (name, value) in terraform::cli_configuration(layout)? {
        out::line(format!("export {name}='{}'", value.display()));
    }
    Ok(())
}
