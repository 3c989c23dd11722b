//! Tables for the terminal.

use comfy_table::{Table, presets};

/// Renders a table with aligned columns and without borders, so that `awk` can split its lines.
///
/// `header` has the same length as each row.
pub(crate) fn render(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    table.trim_fmt()
}
