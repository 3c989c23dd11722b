//! The columns of a V1 checkpoint (Delta protocol, "Checkpoint Schema").

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

fn long(name: &str) -> Field {
    Field::new(name, DataType::Int64, true)
}

fn int(name: &str) -> Field {
    Field::new(name, DataType::Int32, true)
}

fn flag(name: &str) -> Field {
    Field::new(name, DataType::Boolean, true)
}

/// A list of texts.
fn list(name: &str) -> Field {
    Field::new(name, DataType::List(Arc::new(Field::new("element", DataType::Utf8, true))), true)
}

/// A map of texts to texts that may be null. The entries have the name that Spark's writer uses.
fn map(name: &str) -> Field {
    let entry = [Field::new("key", DataType::Utf8, false), text("value")];
    let entries = Field::new("key_value", DataType::Struct(Fields::from_iter(entry)), false);
    Field::new(name, DataType::Map(Arc::new(entries), false), true)
}

/// A nullable struct: an action, or a part of one.
fn group(name: &str, fields: impl IntoIterator<Item = Field>) -> Field {
    Field::new(name, DataType::Struct(Fields::from_iter(fields)), true)
}

/// The descriptor of a deletion vector (Delta protocol, "Deletion Vectors").
fn deletion_vector() -> Field {
    let fields =
        [text("storageType"), text("pathOrInlineDv"), int("offset"), int("sizeInBytes"), long("cardinality")];
    group("deletionVector", fields)
}

/// The schema of a checkpoint. All columns are nullable, because each row holds one action.
pub(crate) fn schema() -> SchemaRef {
    let protocol =
        [int("minReaderVersion"), int("minWriterVersion"), list("readerFeatures"), list("writerFeatures")];
    let metadata = [
        text("id"),
        text("name"),
        text("description"),
        group("format", [text("provider"), map("options")]),
        text("schemaString"),
        list("partitionColumns"),
        map("configuration"),
        long("createdTime"),
    ];
    let add = [
        text("path"),
        map("partitionValues"),
        long("size"),
        long("modificationTime"),
        flag("dataChange"),
        text("stats"),
        map("tags"),
        deletion_vector(),
    ];
    let remove = [
        text("path"),
        long("deletionTimestamp"),
        flag("dataChange"),
        flag("extendedFileMetadata"),
        map("partitionValues"),
        long("size"),
        deletion_vector(),
    ];
    Arc::new(Schema::new(vec![
        group("txn", [text("appId"), long("version"), long("lastUpdated")]),
        group("add", add),
        group("remove", remove),
        group("metaData", metadata),
        group("protocol", protocol),
    ]))
}
