//! The fields of the file, and those that it leaves out.

use std::collections::HashMap;

use pipeline::FieldType;

use super::names::{barred, shown};
use super::seen::{Objects, Seen};
use super::types::{Found, odd_json, type_of};

/// All fields of a record.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) fields: Vec<DraftField>,
    pub(super) left_out: Vec<LeftOut>,
}

/// One field of the file.
#[derive(Debug)]
pub(super) struct DraftField {
    pub(super) name: String,
    pub(super) found: Found,
    pub(super) nullable: bool,
    /// The number of objects in which the field has a value, and of objects that could have it.
    pub(super) seen: u64,
    pub(super) of: u64,
    /// The fields of a struct.
    pub(super) inner: Draft,
}

/// A key that cannot be a field of the file.
#[derive(Debug)]
pub(super) struct LeftOut {
    key: String,
    why: String,
    seen: u64,
    of: u64,
}

impl LeftOut {
    pub(super) fn line(&self) -> String {
        format!("{} (in {} of {}): {}", self.key, self.seen, self.of, self.why)
    }
}

impl Draft {
    /// The fields of objects. `event_time` is the path that the user chose.
    pub(super) fn of(objects: &Objects, event_time: Option<&str>) -> Self {
        Self::at(objects, event_time, "", 0)
    }

    fn none() -> Self {
        Self { fields: Vec::new(), left_out: Vec::new() }
    }

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
                Err(format!(
                    "its name differs from {other} in case only, which readers of tables take for one"
                ))
            } else if seen.repeated > 0 {
                Err(format!(
                    "it occurs twice in {} objects; a record that repeats a field of the file is parked",
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

    /// What the user should look at, one line each.
    pub(super) fn surprises(&self) -> Vec<String> {
        self.surprises_at("")
    }

    fn surprises_at(&self, prefix: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for field in &self.fields {
            let path = format!("{prefix}{}", field.name);
            if field.found.surprising {
                let (field_type, notes) = (field.found.field_type, field.found.notes.join("; "));
                lines.push(format!("look at {path}: {field_type} ({notes})"));
            }
            lines.extend(field.inner.surprises_at(&format!("{path}.")));
        }
        lines.extend(self.left_out.iter().map(|left| format!("left out {prefix}{}", left.line())));
        lines
    }
}

/// If names differ only in case, one field keeps its name: the one that more objects have.
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

/// Where a key is.
struct Place<'a> {
    key: &'a str,
    prefix: &'a str,
    depth: usize,
    of: u64,
    event_time: Option<&'a str>,
}

impl Place<'_> {
    /// The field, or why there can be none.
    fn field(&self, seen: &Seen) -> Result<DraftField, String> {
        let path = format!("{}{}", self.prefix, self.key);
        let mut found = type_of(self.key, seen, self.depth, self.event_time == Some(&path));
        let mut inner = Draft::none();
        if found.field_type == FieldType::Struct {
            inner = Draft::at(&seen.objects, self.event_time, &format!("{path}."), self.depth + 1);
            // As `json` the object is kept whole.
            if let Some(left) = inner.left_out.first()
                && seen.unholdable == 0
            {
                found = odd_json(format!("an object with a key that no struct can have: {}", left.line()));
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
                "jsonb cannot hold {} of its values (`\\u0000`, or a number of too many digits)",
                seen.unholdable
            ));
        }
        let with_value = seen.present - seen.nulls.min(seen.present);
        let nullable = with_value < self.of;
        Ok(DraftField { name: self.key.to_owned(), found, nullable, seen: with_value, of: self.of, inner })
    }
}
