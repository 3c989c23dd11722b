//! Rows of the table → each city's newest extract.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

/// The columns that are read, in the order of a batch.
pub(super) const COLUMNS: [&str; 7] =
    ["id", "state", "country", "dt_extract", "date", "temperature", "precipitation"];

/// Cities that are shown: the first by number.
const SHOWN: usize = 30;

/// Hours of a city that are shown.
const HOURS: usize = 72;

/// Cities by number.
#[derive(Default)]
pub(super) struct Cities(BTreeMap<i64, City>);

/// A city's newest extract.
struct City {
    extracted_at: DateTime<Utc>,
    state: Option<String>,
    country: Option<String>,
    points: BTreeMap<DateTime<Utc>, Weather>,
}

struct Weather {
    temperature: Option<f64>,
    precipitation: Option<f64>,
}

impl Cities {
    /// Takes the rows of a batch of [`COLUMNS`]. An error is the name of a column of another type than the table's.
    pub(super) fn take(&mut self, batch: &RecordBatch) -> Result<(), &'static str> {
        let [id, state, country, extract, date, temperature, precipitation] = COLUMNS;
        let ids = batch.column(0).as_primitive_opt::<Int64Type>().ok_or(id)?;
        let states = batch.column(1).as_string_opt::<i32>().ok_or(state)?;
        let countries = batch.column(2).as_string_opt::<i32>().ok_or(country)?;
        let extracts = batch.column(3).as_primitive_opt::<TimestampMicrosecondType>().ok_or(extract)?;
        let dates = batch.column(4).as_primitive_opt::<TimestampMicrosecondType>().ok_or(date)?;
        let temperatures = batch.column(5).as_primitive_opt::<Float64Type>().ok_or(temperature)?;
        let precipitations = batch.column(6).as_primitive_opt::<Float64Type>().ok_or(precipitation)?;
        for row in 0..batch.num_rows() {
            if ids.is_null(row) || extracts.is_null(row) || dates.is_null(row) {
                continue;
            }
            let moments = (moment(extracts.value(row)), moment(dates.value(row)));
            let (Some(extracted_at), Some(at)) = moments else { continue };
            let number = |of: &arrow_array::Float64Array| of.is_valid(row).then(|| of.value(row));
            let text = |of: &arrow_array::StringArray| of.is_valid(row).then(|| of.value(row).to_owned());
            let new = || City {
                extracted_at,
                state: text(states),
                country: text(countries),
                points: BTreeMap::new(),
            };
            let city = self.0.entry(ids.value(row)).or_insert_with(new);
            if city.extracted_at > extracted_at {
                continue;
            }
            if city.extracted_at < extracted_at {
                *city = new();
            }
            let weather =
                Weather { temperature: number(temperatures), precipitation: number(precipitations) };
            city.points.insert(at, weather);
        }
        Ok(())
    }

    /// Drops cities that had no extract for so long before the newest of all; one in the future counts as of now.
    pub(super) fn drop_old(&mut self, age: TimeDelta, now: DateTime<Utc>) {
        let newest = self.newest().map_or(now, |newest| newest.min(now));
        self.0.retain(|_, city| city.extracted_at > newest - age);
    }

    fn newest(&self) -> Option<DateTime<Utc>> {
        self.0.values().map(|city| city.extracted_at).max()
    }

    /// Drops extracts that may be in other files too; false where nothing else is left.
    pub(super) fn keep_after(&mut self, complete_after: DateTime<Utc>) -> bool {
        self.0.retain(|_, city| city.extracted_at > complete_after);
        !self.0.is_empty()
    }

    /// The cities as the page gets them.
    pub(super) fn answer(&self) -> Value {
        let cities = self.0.iter().take(SHOWN).map(|(id, city)| {
            let points = city.points.iter().take(HOURS).map(|(at, weather)| {
                json!({"at": at, "temperature": weather.temperature, "precipitation": weather.precipitation})
            });
            json!({
                "id": id, "state": city.state, "country": city.country, "extracted_at": city.extracted_at,
                "points": points.collect::<Vec<_>>(),
            })
        });
        json!({
            "extracted_at": self.newest(),
            "city_count": self.0.len(), "cities": cities.collect::<Vec<_>>(),
        })
    }
}

fn moment(microseconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(microseconds)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 3_600_000_000;

    /// City, extract and hour (both as hours since 1970), temperature.
    type Row = (Option<i64>, Option<i64>, Option<i64>, Option<f64>);

    fn batch(rows: &[Row]) -> RecordBatch {
        let hours = |of: fn(&Row) -> Option<i64>| {
            let values: TimestampMicrosecondArray =
                rows.iter().map(of).map(|hour| hour.map(|hour| hour.saturating_mul(HOUR))).collect();
            Arc::new(values.with_timezone("UTC")) as ArrayRef
        };
        let columns: [ArrayRef; 7] = [
            Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>()),
            Arc::new(StringArray::from(vec!["SP"; rows.len()])),
            Arc::new(StringArray::from(vec![None::<&str>; rows.len()])),
            hours(|row| row.1),
            hours(|row| row.2),
            Arc::new(rows.iter().map(|row| row.3).collect::<Float64Array>()),
            Arc::new(Float64Array::from(vec![None; rows.len()])),
        ];
        RecordBatch::try_from_iter_with_nullable(COLUMNS.into_iter().zip(columns).map(|(n, c)| (n, c, true)))
            .unwrap()
    }

    fn answer(batches: &[&[Row]]) -> Value {
        let mut cities = Cities::default();
        batches.iter().for_each(|rows| cities.take(&batch(rows)).unwrap());
        cities.answer()
    }

    fn row(id: i64, extract: i64, hour: i64, temperature: f64) -> Row {
        (Some(id), Some(extract), Some(hour), Some(temperature))
    }

    #[test]
    fn each_city_has_its_newest_extract_whatever_the_order_of_the_files() {
        let newer: &[Row] = &[row(1, 24, 26, 9.5), row(1, 24, 25, 8.0)];
        let older: &[Row] = &[row(1, 0, 25, 1.0), row(1, 0, 27, 2.0), row(2, 0, 25, 3.0)];
        let forwards = answer(&[newer, older]);
        assert_eq!(forwards, answer(&[older, newer]));
        assert_eq!(forwards["extracted_at"], "1970-01-02T00:00:00Z");
        let cities = forwards["cities"].as_array().unwrap();
        assert_eq!(cities.len(), 2);
        assert_eq!(
            cities[0],
            json!({"id": 1, "state": "SP", "country": null, "extracted_at": "1970-01-02T00:00:00Z", "points": [
                {"at": "1970-01-02T01:00:00Z", "temperature": 8.0, "precipitation": null},
                {"at": "1970-01-02T02:00:00Z", "temperature": 9.5, "precipitation": null},
            ]})
        );
        assert_eq!(cities[1]["extracted_at"], "1970-01-01T00:00:00Z");
    }

    #[test]
    fn rows_without_city_or_times_are_left_out_and_an_hour_that_is_there_twice_is_shown_once() {
        let rows: &[Row] = &[
            (None, Some(0), Some(1), Some(1.0)),
            (Some(1), None, Some(1), Some(1.0)),
            (Some(1), Some(0), None, Some(1.0)),
            (Some(1), Some(0), Some(i64::MAX / HOUR), Some(1.0)),
            row(1, 0, 2, 5.0),
            row(1, 0, 2, 5.0),
            (Some(1), Some(0), Some(3), Some(f64::NAN)),
        ];
        let points = &answer(&[rows])["cities"][0]["points"];
        assert_eq!(points.as_array().unwrap().len(), 2);
        assert_eq!(points[1]["temperature"], Value::Null, "JSON has no NaN");
    }

    #[test]
    fn of_many_cities_and_hours_the_first_are_shown_and_all_are_counted() {
        let rows: Vec<Row> = (0..40).flat_map(|id| (0..100).map(move |hour| row(id, 0, hour, 1.0))).collect();
        let answer = answer(&[&rows]);
        assert_eq!(
            (answer["city_count"].as_u64(), answer["cities"].as_array().unwrap().len()),
            (Some(40), SHOWN)
        );
        assert_eq!(answer["cities"][29]["points"].as_array().unwrap().len(), HOURS);
    }

    #[test]
    fn extracts_that_may_be_incomplete_are_not_shown() {
        let mut cities = Cities::default();
        cities.take(&batch(&[row(1, 24, 25, 1.0), row(2, 0, 25, 1.0)])).unwrap();
        assert!(cities.keep_after(moment(0).unwrap()));
        assert_eq!(cities.answer()["city_count"], 1);
        assert!(!cities.keep_after(moment(24 * HOUR).unwrap()));
        assert_eq!(cities.answer(), Cities::default().answer());
    }

    #[test]
    fn a_city_without_an_extract_for_a_week_is_not_shown_and_one_of_the_future_does_not_hide_the_others() {
        let mut cities = Cities::default();
        let week = TimeDelta::days(7);
        cities
            .take(&batch(&[row(1, 1_000, 1_001, 1.0), row(2, 832, 833, 1.0), row(3, 833, 834, 1.0)]))
            .unwrap();
        cities.drop_old(week, moment(5_000 * HOUR).unwrap());
        assert_eq!(cities.0.keys().copied().collect::<Vec<_>>(), [1, 3]);
        cities.take(&batch(&[row(4, 9_000, 9_001, 1.0)])).unwrap();
        cities.drop_old(week, moment(1_000 * HOUR).unwrap());
        assert_eq!(cities.0.keys().copied().collect::<Vec<_>>(), [1, 3, 4]);
        Cities::default().drop_old(week, DateTime::<Utc>::MAX_UTC);
    }

    #[test]
    fn a_column_of_another_type_is_named() {
        let good = batch(&[row(1, 0, 1, 1.0)]);
        let columns = COLUMNS.into_iter().zip(good.columns().iter().cloned());
        let columns = columns
            .map(|(name, column)| (name, if name == "date" { good.column(0).clone() } else { column }));
        let bad = RecordBatch::try_from_iter(columns).unwrap();
        assert_eq!(Cities::default().take(&bad), Err("date"));
    }

    proptest! {
        #[test]
        fn any_rows_are_taken_without_panic(
            rows in prop::collection::vec((any::<Option<i64>>(), any::<Option<i64>>(), any::<Option<i64>>(), any::<Option<f64>>()), 0..20)
        ) {
            prop_assert!(answer(&[&rows])["cities"].as_array().is_some());
        }
    }
}
