//! Compares a writer's columns with a table's, and computes the table's next schema if it must change.

use super::{DeltaField, DeltaStruct, DeltaType};

/// A column that does not match, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// The dotted path of the column.
    pub(crate) column: String,
    /// The reason, as the end of a sentence about the column.
    pub(crate) reason: String,
}

/// Returns `None` if the writer's columns match the table. Otherwise returns the schema that the table must get first:
/// new nullable columns are added at the end, and required columns become nullable.
///
/// Columns that only the table has are accepted if they are nullable. They come from an older version of the writer, or
/// were removed from the pipeline.
///
/// # Errors
/// [`Misfit`] for a column with another type, a new column that is not nullable, or a required column that the writer
/// lacks.
pub(crate) fn evolved(table: &DeltaStruct, writer: &DeltaStruct) -> Result<Option<DeltaStruct>, Misfit> {
    let mut next = table.clone();
    let changed = fit("", &mut next.fields, &writer.fields)?;
    Ok(changed.then_some(next))
}

/// Compares the columns of a struct, and changes `table` if it must change. Returns whether it changed.
fn fit(parent: &str, table: &mut Vec<DeltaField>, writer: &[DeltaField]) -> Result<bool, Misfit> {
    let path = |name: &str| if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") };
    let misfit = |name: &str, reason: String| Err(Misfit { column: path(name), reason });
    if let Some(missing) = table.iter().find(|t| !t.nullable && !writer.iter().any(|w| w.name == t.name)) {
        return misfit(&missing.name, "the table requires it and the pipeline does not have it".to_owned());
    }
    let mut changed = false;
    for wanted in writer {
        if let Some(present) = table.iter_mut().find(|t| t.name == wanted.name) {
            match (&mut present.r#type, &wanted.r#type) {
                (DeltaType::Struct(have), DeltaType::Struct(want)) => {
                    changed |= fit(&path(&wanted.name), &mut have.fields, &want.fields)?;
                }
                (have, want) if have == want => {}
                (have, want) => {
                    let (have, want) = (have.describe(), want.describe());
                    return misfit(
                        &wanted.name,
                        format!("it is {have} in the table and {want} in the pipeline"),
                    );
                }
            }
            if wanted.nullable && !present.nullable {
                present.nullable = true;
                changed = true;
            }
        } else if let Some(other) = table.iter().find(|t| t.name.eq_ignore_ascii_case(&wanted.name)) {
            return misfit(
                &wanted.name,
                format!("the table has {:?}, which differs in case only", other.name),
            );
        } else if wanted.nullable {
            table.push(wanted.clone());
            changed = true;
        } else {
            return misfit(
                &wanted.name,
                "the table does not have it yet; a later column must be nullable".to_owned(),
            );
        }
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, r#type: &str, nullable: bool) -> DeltaField {
        DeltaField::new(name, DeltaType::named(r#type), nullable)
    }

    fn nested(name: &str, fields: Vec<DeltaField>) -> DeltaField {
        DeltaField::new(name, DeltaType::Struct(DeltaStruct::new(fields)), true)
    }

    fn table(fields: Vec<DeltaField>) -> DeltaStruct {
        DeltaStruct::new(fields)
    }

    #[test]
    fn equal_columns_in_any_order_change_nothing() {
        let have = table(vec![column("a", "string", true), column("b", "long", false)]);
        let want = table(vec![column("b", "long", false), column("a", "string", false)]);
        assert_eq!(evolved(&have, &want).unwrap(), None);
    }

    #[test]
    fn new_nullable_columns_are_appended_also_inside_structs() {
        let have = table(vec![nested("n", vec![column("x", "long", true)])]);
        let want = table(vec![
            nested("n", vec![column("x", "long", true), column("y", "date", true)]),
            column("b", "long", true),
        ]);
        assert_eq!(evolved(&have, &want).unwrap(), Some(want));
    }

    #[test]
    fn a_column_may_become_nullable_and_a_nullable_one_may_be_gone() {
        let have = table(vec![column("a", "string", false), column("old", "long", true)]);
        let want = table(vec![column("a", "string", true)]);
        let next = evolved(&have, &want).unwrap().unwrap();
        assert_eq!(next.fields, [column("a", "string", true), column("old", "long", true)]);
    }

    #[test]
    fn misfits_name_the_column() {
        let have =
            || table(vec![nested("n", vec![column("x", "long", true)]), column("must", "string", false)]);
        let must = || column("must", "string", false);
        for (want, column_at_fault) in [
            (vec![nested("n", vec![column("x", "string", true)]), must()], "n.x"),
            (vec![nested("n", vec![column("x", "long", true)])], "must"),
            (vec![column("n", "long", true), must()], "n"),
            (vec![must(), column("new", "long", false)], "new"),
            (vec![must(), column("MUST", "string", true)], "MUST"),
        ] {
            assert_eq!(evolved(&have(), &table(want)).unwrap_err().column, column_at_fault);
        }
    }

    #[test]
    fn unknown_parts_of_a_schema_are_kept() {
        let json = concat!(
            r#"{"type":"struct","fields":[{"name":"tags","type":{"type":"array","elementType":"string","containsNull":true},"#,
            r#""nullable":true,"metadata":{"comment":"kept"}}]}"#
        );
        let have = DeltaStruct::parse(json).unwrap();
        let next = evolved(&have, &table(vec![column("a", "long", true)])).unwrap().unwrap();
        assert_eq!(next.fields[0].metadata["comment"], "kept");
        assert!(next.to_json().contains(r#""elementType":"string""#));
    }
}
