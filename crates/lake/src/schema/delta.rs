//! Delta's schema JSON. Unknown parts are kept, so that they survive when the schema is written again.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A struct type: the whole table, or a nested column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DeltaStruct {
    r#type: StructTag,
    /// The columns, in the table's order.
    pub(crate) fields: Vec<DeltaField>,
}

/// The value of `type` in a struct: always `"struct"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StructTag {
    Struct,
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DeltaField {
    /// The column's name, without the names of the structs around it.
    pub(crate) name: String,
    pub(crate) r#type: DeltaType,
    /// Whether the column can contain nulls.
    pub(crate) nullable: bool,
    /// The column's metadata, such as a generation expression.
    #[serde(default)]
    pub(crate) metadata: Map<String, Value>,
}

/// A column's type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum DeltaType {
    /// A primitive type by its Delta name: `string`, `long`, `decimal(10,2)`, …
    Primitive(String),
    /// A nested struct.
    Struct(DeltaStruct),
    /// Arrays, maps and unknown types, as JSON.
    Other(Value),
}

impl DeltaStruct {
    /// A struct with these columns.
    pub(crate) fn new(fields: Vec<DeltaField>) -> Self {
        Self { r#type: StructTag::Struct, fields }
    }

    /// Parses the `schemaString` of a table's metadata.
    pub(crate) fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// The schema as a `schemaString`.
    pub(crate) fn to_json(&self) -> String {
        // Only strings, booleans and maps with string keys, so this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// All columns with their dotted paths, parents before children.
    pub(crate) fn walk(&self) -> Vec<(String, &DeltaField)> {
        fn below<'a>(parent: &str, fields: &'a [DeltaField], found: &mut Vec<(String, &'a DeltaField)>) {
            for field in fields {
                let path =
                    if parent.is_empty() { field.name.clone() } else { format!("{parent}.{}", field.name) };
                found.push((path.clone(), field));
                if let DeltaType::Struct(inner) = &field.r#type {
                    below(&path, &inner.fields, found);
                }
            }
        }
        let mut found = Vec::new();
        below("", &self.fields, &mut found);
        found
    }
}

impl DeltaField {
    /// A column without metadata. `name` is not a path.
    pub(crate) fn new(name: &str, r#type: DeltaType, nullable: bool) -> Self {
        Self { name: name.to_owned(), r#type, nullable, metadata: Map::new() }
    }
}

impl DeltaType {
    /// A primitive type by its Delta name.
    pub(crate) fn named(name: &str) -> Self {
        Self::Primitive(name.to_owned())
    }

    /// The type's name for error messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Primitive(name) => name.clone(),
            Self::Struct(_) => "struct".to_owned(),
            Self::Other(json) => json.get("type").and_then(Value::as_str).unwrap_or("unknown").to_owned(),
        }
    }
}
