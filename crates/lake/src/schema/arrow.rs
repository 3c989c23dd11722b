//! Converts Delta's column types to Arrow.

use arrow_schema::{DataType, Field, Fields, TimeUnit};

use super::{DeltaField, DeltaType};

/// The Arrow type that this crate reads and writes for a Delta type. `None` for arrays, maps and unknown types.
pub(crate) fn arrow_of(delta: &DeltaType) -> Option<DataType> {
    let name = match delta {
        DeltaType::Primitive(name) => name,
        DeltaType::Struct(inner) => {
            return inner.fields.iter().map(field_of).collect::<Option<Fields>>().map(DataType::Struct);
        }
        DeltaType::Other(_) => return None,
    };
    Some(match name.as_str() {
        "string" => DataType::Utf8,
        "binary" => DataType::Binary,
        "boolean" => DataType::Boolean,
        "byte" => DataType::Int8,
        "short" => DataType::Int16,
        "integer" => DataType::Int32,
        "long" => DataType::Int64,
        "float" => DataType::Float32,
        "double" => DataType::Float64,
        "date" => DataType::Date32,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        "timestamp_ntz" => DataType::Timestamp(TimeUnit::Microsecond, None),
        decimal => {
            let (precision, scale) = decimal.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
            DataType::Decimal128(precision.trim().parse().ok()?, scale.trim().parse().ok()?)
        }
    })
}

/// The Arrow field of a Delta column.
pub(super) fn field_of(delta: &DeltaField) -> Option<Field> {
    Some(Field::new(&delta.name, arrow_of(&delta.r#type)?, delta.nullable))
}
