//! The fields of the pipeline file, and the keys that are left out of it.

use std::collections::HashMap;

use pipeline::FieldType;

use super::names::{barred, shown};
use super::seen::{Objects, Seen};
use super::types::{Found, odd_json, type_of};

/// The fields of all records, or of the objects in one field.
#[derive(Debug)]
pub(super) struct Draft {
    /// In the order in which they first occur in the sample.
    pub(super) fields: Vec<DraftField>,
    /// In the same order. The file has a comment for each of them.
    pub(super) left_out: Vec<LeftOut>,
}

/// One field of the file.
#[derive(Debug)]
pub(super) struct DraftField {
    pub(super) name: String,
    pub(super) found: Found,
    /// Whether the field is null or missing in some objects.
    pub(super) nullable: bool,
    /// The number of objects in which the field has a value other than null.
    pub(super) seen: u64,
    /// The number of objects that could have the field.
    pub(super) of: u64,
    /// The fields of a struct. Empty for other types.
    pub(super) inner: Draft,
}

/// A key that cannot be a field of the file.
#[derive(Debug)]
pub(super) struct LeftOut {
    /// The key, escaped for a comment.
    key: String,
    why: String,
    /// The number of objects that have the key, and the number of objects that could have it.
    seen: u64,
    of: u64,
}

impl LeftOut {
    /// The key, its frequency and the reason, in one line.
    pub(super) fn line(&self) -> String {
        format!("{} (in {} of {}): {}", self.key, self.seen, self.of, self.why)
    }
}

impl Draft {
    /// Infers the fields of all records. `event_time` is the dotted path that the user chose.
    pub(super) fn of(objects: &Objects, event_time: Option<&str>) -> Self {
        Self::at(objects, event_time, "", 0)
    }

    fn none() -> Self {
        Self { fields: Vec::new(), left_out: Vec::new() }
    }

    /// Infers the fields of the objects at one path. `prefix` is the path with a dot at the end, or empty.
    fn at(objects: &Objects, event_time: Option<&str>, prefix: &str, depth: usize) -> Self {
        let mut draft = Self::none();
        let taken = taken(objects);
        for (index, (key, seen)) in objects.fields.iter().enumerate() {
            let place = Place { key, prefix, depth, of: objects.count, event_time };
            let twin = taken.get(&key.to_lowercase()).filter(|&&first| first != index);
            let refused = if let Some(why) = barred(key) {
                Err(why.to_owned())
            } else if let Some(&first) = twin {
                let other = shown(&objects.fields[first].0);
                Err(format!("its name differs from {other} only in case, and readers of tables ignore case"))
            } else if seen.repeated > 0 {
                Err(format!(
                    "{} objects contain it more than once, and a record that repeats a field of the file is parked",
                    seen.repeated
                ))
            } else {
                place.field(seen)
            };
            match refused {
                Ok(field) => draft.fields.push(field),
                Err(why) => {
                    let (seen, of) = (seen.present, objects.count);
                    draft.left_out.push(LeftOut { key: shown(key), why, seen, of });
                }
            }
        }
        draft
    }

    /// The types that the user should check and the keys that are left out, one line each.
    pub(super) fn surprises(&self) -> Vec<String> {
        self.surprises_at("")
    }

    /// The lines of [`Self::surprises`] for the fields below `prefix`.
    fn surprises_at(&self, prefix: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for field in &self.fields {
            let path = format!("{prefix}{}", field.name);
            if field.found.surprising {
                let (field_type, notes) = (field.found.field_type, field.found.notes.join("; "));
                lines.push(format!("check {path}: {field_type} ({notes})"));
            }
            lines.extend(field.inner.surprises_at(&format!("{path}.")));
        }
        lines.extend(self.left_out.iter().map(|left| format!("left out {prefix}{}", left.line())));
        lines
    }
}

/// Selects one of the keys that differ only in case: the one that most objects have. Returns its index in
/// `objects.fields` by the key in lower case. Keys that cannot be columns are not considered.
fn taken(objects: &Objects) -> HashMap<String, usize> {
    let mut taken: HashMap<String, usize> = HashMap::new();
    for (index, (key, seen)) in objects.fields.iter().enumerate() {
        if barred(key).is_some() {
            continue;
        }
        let holder = taken.entry(key.to_lowercase()).or_insert(index);
        if objects.fields[*holder].1.present < seen.present {
            *holder = index;
        }
    }
    taken
}

/// A key with its position in the records.
struct Place<'a> {
    key: &'a str,
    /// The path of the objects that have the key, with a dot at the end. Empty for the records themselves.
    prefix: &'a str,
    /// The number of structs around the key.
    depth: usize,
    /// The number of objects that could have the key.
    of: u64,
    /// The dotted path that the user chose as event time.
    event_time: Option<&'a str>,
}

impl Place<'_> {
    /// Infers the field. The error is the reason why the key must be left out.
    fn field(&self, seen: &Seen) -> Result<DraftField, String> {
        let path = format!("{}{}", self.prefix, self.key);
        let mut found = type_of(self.key, seen, self.depth, self.event_time == Some(&path));
        let mut inner = Draft::none();
        if found.field_type == FieldType::Struct {
            inner = Draft::at(&seen.objects, self.event_time, &format!("{path}."), self.depth + 1);
            // With the type `json`, the object keeps the key that a struct would lose.
            if let Some(left) = inner.left_out.first()
                && seen.unholdable == 0
            {
                found = odd_json(format!(
                    "an object with a key that cannot be a field of a struct: {}",
                    left.line()
                ));
                inner = Draft::none();
            }
        }
        let unholdable = match found.field_type {
            FieldType::Json => seen.unholdable > 0,
            FieldType::Struct => inner.fields.is_empty(),
            _ => false,
        };
        if unholdable {
            return Err(format!(
                "jsonb cannot hold {} of its values (`\\u0000`, or a number with too many digits)",
                seen.unholdable
            ));
        }
        let with_value = seen.present - seen.nulls.min(seen.present);
        let nullable = with_value < self.of;
        Ok(DraftField { name: self.key.to_owned(), found, nullable, seen: with_value, of: self.of, inner })
    }
}
