//! A record's fields laid out flat: each has one place in a row, structs included.

use crate::field::{Field, FieldType, TimestampFormat};

/// One place in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Dotted path from the record's root.
    pub path: String,
    /// The last part of the path: the JSON key.
    pub name: String,
    /// The type.
    pub field_type: FieldType,
    /// How it is written, for a timestamp.
    pub format: TimestampFormat,
    /// Whether it may be null.
    pub nullable: bool,
    /// A struct's own fields, as places in the row.
    pub children: Vec<usize>,
}

impl Column {
    /// The name of this column in a table that has no structs: the path with `_` for each dot.
    #[must_use]
    pub fn flat_name(&self) -> String {
        self.path.replace('.', "_")
    }
}

/// All places of a row: fields in their order, a struct directly before its own fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// The places.
    pub columns: Vec<Column>,
    /// The places of the record's own fields.
    pub roots: Vec<usize>,
}

impl Layout {
    /// Lays out `fields`.
    #[must_use]
    pub fn of(fields: &[Field]) -> Self {
        let mut layout = Self::default();
        layout.roots = layout.add(fields, "");
        layout
    }

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

    /// The places that hold values of their own, which structs do not.
    pub fn leaves(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.columns.len()).filter(|&place| self.columns[place].field_type != FieldType::Struct)
    }

    /// The place of the field at a dotted path.
    #[must_use]
    pub fn column_index(&self, path: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.path == path)
    }

    /// Whether the value at `place` can be missing: it or a struct around it is nullable.
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
