//! The columns of a decoded row: every field has one, also structs and the fields inside structs.

use crate::field::{Field, FieldType, TimestampFormat};

/// One column of a decoded row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The path from the record's root, with dots: `vehicle.position.lat`.
    pub path: String,
    /// The last part of the path, which is the JSON key.
    pub name: String,
    /// The type, as the pipeline file gives it.
    pub field_type: FieldType,
    /// How the record writes it. Only used for timestamps.
    pub format: TimestampFormat,
    /// Whether it may be `null` or missing.
    pub nullable: bool,
    /// The column indices of a struct's own fields. Empty for every other type.
    pub children: Vec<usize>,
}

impl Column {
    /// The name of this column in a table without structs: the path with `_` in place of each dot.
    #[must_use]
    pub fn flat_name(&self) -> String {
        self.path.replace('.', "_")
    }
}

/// All columns of a row, in the order of the fields. A struct comes directly before its own fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// The columns. A value's index in the row is the index of its column here.
    pub columns: Vec<Column>,
    /// The indices of the record's top-level fields.
    pub roots: Vec<usize>,
}

impl Layout {
    /// Computes the columns of `fields`.
    #[must_use]
    pub fn of(fields: &[Field]) -> Self {
        let mut layout = Self::default();
        layout.roots = layout.add(fields, "");
        layout
    }

    /// Adds the columns of `fields` and returns their indices. `prefix` is the path of the struct around them, with a
    /// dot.
    fn add(&mut self, fields: &[Field], prefix: &str) -> Vec<usize> {
        fields
            .iter()
            .map(|field| {
                let place = self.columns.len();
                let path = format!("{prefix}{}", field.name);
                self.columns.push(Column {
                    name: field.name.clone(),
                    field_type: field.field_type,
                    format: field.format,
                    nullable: field.nullable,
                    children: Vec::new(),
                    path: path.clone(),
                });
                self.columns[place].children = self.add(&field.fields, &format!("{path}."));
                place
            })
            .collect()
    }

    /// The indices of the columns that hold values, which are all but the structs.
    pub fn leaves(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.columns.len()).filter(|&place| self.columns[place].field_type != FieldType::Struct)
    }

    /// The index of the field at a dotted path, or `None` if there is no such field.
    #[must_use]
    pub fn column_index(&self, path: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.path == path)
    }

    /// Whether the value at index `place` can be missing: the field, or a struct around it, is nullable.
    #[must_use]
    pub fn may_be_null(&self, place: usize) -> bool {
        let path = &self.columns[place].path;
        self.columns.iter().any(|column| {
            let around =
                path.strip_prefix(&column.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            around && column.nullable
        })
    }
}
