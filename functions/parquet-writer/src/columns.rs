//! Converts decoded rows to Arrow columns.

use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int32Builder, Int64Builder,
    StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, StructArray};
use arrow_buffer::NullBufferBuilder;
use arrow_schema::{DataType, Field, Fields, TimeUnit};
use pipeline::{FieldType, Layout, Value};

/// The Arrow type for Delta's `timestamp`: an instant in microseconds.
pub(crate) fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The Arrow fields for the columns of the layout with the indexes `places`. A struct's fields are nested in
/// it.
pub(crate) fn fields(layout: &Layout, places: &[usize]) -> Fields {
    let field = |&place: &usize| {
        let column = &layout.columns[place];
        let data_type = match column.field_type {
            FieldType::String | FieldType::Json => DataType::Utf8,
            FieldType::Int32 => DataType::Int32,
            FieldType::Int64 => DataType::Int64,
            FieldType::Float64 => DataType::Float64,
            FieldType::Boolean => DataType::Boolean,
            FieldType::Decimal { precision, scale } => DataType::Decimal128(precision, scale.cast_signed()),
            FieldType::Date => DataType::Date32,
            FieldType::Timestamp => timestamp_type(),
            FieldType::Struct => DataType::Struct(fields(layout, &column.children)),
        };
        Field::new(&column.name, data_type, column.nullable)
    };
    places.iter().map(field).collect()
}

/// Builds the Arrow array of one column of the layout.
pub(crate) struct ColumnBuilder {
    /// The index of the column in a decoded row.
    place: usize,
    kind: Kind,
}

/// The Arrow builder, by the type of the field. Decimals are unscaled values; their precision and scale are part of the
/// Arrow type. Timestamps are microseconds since 1970 in UTC. A struct has a flag per row for whether it is present.
enum Kind {
    Text(StringBuilder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Float64(Float64Builder),
    Boolean(BooleanBuilder),
    Decimal(Decimal128Builder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Struct { fields: Fields, children: Vec<ColumnBuilder>, present: NullBufferBuilder },
}

impl ColumnBuilder {
    /// Creates the builders for some columns of the layout. `capacity` is the expected number of rows.
    pub(crate) fn all(layout: &Layout, places: &[usize], capacity: usize) -> Vec<Self> {
        places.iter().map(|&place| Self::new(layout, place, capacity)).collect()
    }

    fn new(layout: &Layout, place: usize, rows: usize) -> Self {
        let column = &layout.columns[place];
        let kind = match column.field_type {
            FieldType::String | FieldType::Json => Kind::Text(StringBuilder::with_capacity(rows, rows * 8)),
            FieldType::Int32 => Kind::Int32(Int32Builder::with_capacity(rows)),
            FieldType::Int64 => Kind::Int64(Int64Builder::with_capacity(rows)),
            FieldType::Float64 => Kind::Float64(Float64Builder::with_capacity(rows)),
            FieldType::Boolean => Kind::Boolean(BooleanBuilder::with_capacity(rows)),
            FieldType::Decimal { precision, scale } => {
                let data_type = DataType::Decimal128(precision, scale.cast_signed());
                Kind::Decimal(Decimal128Builder::with_capacity(rows).with_data_type(data_type))
            }
            FieldType::Date => Kind::Date(Date32Builder::with_capacity(rows)),
            FieldType::Timestamp => Kind::Timestamp(
                TimestampMicrosecondBuilder::with_capacity(rows).with_data_type(timestamp_type()),
            ),
            FieldType::Struct => Kind::Struct {
                fields: fields(layout, &column.children),
                children: Self::all(layout, &column.children, rows),
                present: NullBufferBuilder::new(rows),
            },
        };
        Self { place, kind }
    }

    /// Appends the row's value of this column. A value of another type would become null, but the decoder of this
    /// layout never returns one.
    pub(crate) fn append(&mut self, row: &[Value<'_>]) {
        match (&mut self.kind, &row[self.place]) {
            (Kind::Text(builder), Value::Text(text)) => builder.append_value(text),
            (Kind::Text(builder), _) => builder.append_null(),
            (Kind::Int32(builder), Value::Integer(number)) => {
                builder.append_option(i32::try_from(*number).ok());
            }
            (Kind::Int32(builder), _) => builder.append_null(),
            (Kind::Int64(builder), Value::Integer(number)) => builder.append_value(*number),
            (Kind::Int64(builder), _) => builder.append_null(),
            (Kind::Float64(builder), Value::Float(number)) => builder.append_value(*number),
            (Kind::Float64(builder), _) => builder.append_null(),
            (Kind::Boolean(builder), Value::Boolean(truth)) => builder.append_value(*truth),
            (Kind::Boolean(builder), _) => builder.append_null(),
            (Kind::Decimal(builder), Value::Decimal(unscaled)) => builder.append_value(*unscaled),
            (Kind::Decimal(builder), _) => builder.append_null(),
            (Kind::Date(builder), Value::Date(days)) => builder.append_value(*days),
            (Kind::Date(builder), _) => builder.append_null(),
            (Kind::Timestamp(builder), Value::Timestamp(micros)) => builder.append_value(*micros),
            (Kind::Timestamp(builder), _) => builder.append_null(),
            (Kind::Struct { children, present, .. }, value) => {
                present.append(matches!(value, Value::Present));
                for child in children {
                    child.append(row);
                }
            }
        }
    }

    /// Returns the array of all values, and starts again with an empty one.
    ///
    /// # Errors
    /// Only if Arrow refuses the children of a struct, which is a bug.
    pub(crate) fn finish(&mut self) -> Result<ArrayRef, arrow_schema::ArrowError> {
        Ok(match &mut self.kind {
            Kind::Text(builder) => Arc::new(builder.finish()),
            Kind::Int32(builder) => Arc::new(builder.finish()),
            Kind::Int64(builder) => Arc::new(builder.finish()),
            Kind::Float64(builder) => Arc::new(builder.finish()),
            Kind::Boolean(builder) => Arc::new(builder.finish()),
            Kind::Decimal(builder) => Arc::new(builder.finish()),
            Kind::Date(builder) => Arc::new(builder.finish()),
            Kind::Timestamp(builder) => Arc::new(builder.finish()),
            Kind::Struct { fields, children, present } => {
                let arrays = children.iter_mut().map(Self::finish).collect::<Result<Vec<_>, _>>()?;
                Arc::new(StructArray::try_new(fields.clone(), arrays, present.finish())?)
            }
        })
    }
}
