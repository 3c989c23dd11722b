//! Collects each city's newest extract from the rows of the table.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use lake::PlainColumn;
use serde_json::{Value, json};

/// The columns that are read, in this order.
pub(super) const COLUMNS: [&str; 7] =
    ["id", "state", "country", "dt_extract", "date", "temperature", "precipitation"];

/// The largest number of cities that are shown. They are those with the lowest ids.
const SHOWN: usize = 30;

/// The largest number of hours that are shown for a city. They are the first ones.
const HOURS: usize = 72;

/// The cities by id.
#[derive(Default)]
pub(super) struct Cities(BTreeMap<i64, City>);

/// The newest extract of a city: one forecast, as it was fetched from the source.
struct City {
    /// When the forecast was fetched.
    extracted_at: DateTime<Utc>,
    state: Option<String>,
    country: Option<String>,
    /// The weather by hour.
    points: BTreeMap<DateTime<Utc>, Weather>,
}

/// The forecast for one hour.
struct Weather {
    /// In degrees Celsius.
    temperature: Option<f64>,
    /// In millimetres.
    precipitation: Option<f64>,
}

/// The values of a column. Returns an error if the column does not have the type that the Spark job writes.
macro_rules! typed {
    ($columns:expr, $place:literal, $kind:ident) => {
        match $columns.get($place) {
            Some(PlainColumn::$kind(values)) => values.as_slice(),
            _ => return Err(COLUMNS[$place]),
        }
    };
}

impl Cities {
    /// Adds the rows of a file; its columns are [`COLUMNS`]. Rows of older extracts are dropped, so the order of
    /// the files does not matter. Rows without id, extract or hour are ignored.
    ///
    /// # Errors
    /// The name of a column that is missing or has an unexpected type.
    pub(super) fn take(&mut self, columns: &[PlainColumn]) -> Result<(), &'static str> {
        let ids = typed!(columns, 0, Integers);
        let states = typed!(columns, 1, Texts);
        let countries = typed!(columns, 2, Texts);
        let extracts = typed!(columns, 3, Moments);
        let hours = typed!(columns, 4, Moments);
        let temperatures = typed!(columns, 5, Numbers);
        let precipitations = typed!(columns, 6, Numbers);
        for (row, id) in ids.iter().enumerate() {
            let (Some(id), Some(extracted_at), Some(at)) = (*id, value(extracts, row), value(hours, row))
            else {
                continue;
            };
            let new = || City {
                extracted_at,
                state: value(states, row),
                country: value(countries, row),
                points: BTreeMap::new(),
            };
            let city = self.0.entry(id).or_insert_with(new);
            if city.extracted_at > extracted_at {
                continue;
            }
            if city.extracted_at < extracted_at {
                *city = new();
            }
            let weather =
                Weather { temperature: value(temperatures, row), precipitation: value(precipitations, row) };
            city.points.insert(at, weather);
        }
        Ok(())
    }

    /// Drops the cities whose newest extract is older than the newest of all cities by `age` or more. An extract
    /// in the future counts as `now`.
    pub(super) fn drop_old(&mut self, age: TimeDelta, now: DateTime<Utc>) {
        let newest = self.newest().map_or(now, |newest| newest.min(now));
        self.0.retain(|_, city| city.extracted_at > newest - age);
    }

    /// The time of the newest extract of all cities.
    fn newest(&self) -> Option<DateTime<Utc>> {
        self.0.values().map(|city| city.extracted_at).max()
    }

    /// Drops the extracts up to `complete_after`, which may have more rows in files that were not read. Returns
    /// `false` if no city is left.
    pub(super) fn keep_after(&mut self, complete_after: DateTime<Utc>) -> bool {
        self.0.retain(|_, city| city.extracted_at > complete_after);
        !self.0.is_empty()
    }

    /// The cities as JSON for the page. `city_count` also counts the cities that are not shown.
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

/// The value in a row of a column. `None` if it is null.
fn value<T: Clone>(column: &[Option<T>], row: usize) -> Option<T> {
    column.get(row).cloned().flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// City id, extract and hour (both in hours since 1970), temperature.
    type Row = (Option<i64>, Option<i64>, Option<i64>, Option<f64>);

    fn hour(hours: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(hours * 3600, 0).unwrap()
    }

    fn columns(rows: &[Row]) -> Vec<PlainColumn> {
        vec![
            PlainColumn::Integers(rows.iter().map(|row| row.0).collect()),
            PlainColumn::Texts(vec![Some("SP".to_owned()); rows.len()]),
            PlainColumn::Texts(vec![None; rows.len()]),
            PlainColumn::Moments(rows.iter().map(|row| row.1.map(hour)).collect()),
            PlainColumn::Moments(rows.iter().map(|row| row.2.map(hour)).collect()),
            PlainColumn::Numbers(rows.iter().map(|row| row.3).collect()),
            PlainColumn::Numbers(vec![None; rows.len()]),
        ]
    }

    fn answer(batches: &[&[Row]]) -> Value {
        let mut cities = Cities::default();
        for rows in batches {
            cities.take(&columns(rows)).unwrap();
        }
        cities.answer()
    }

    fn row(id: i64, extract: i64, hour: i64, temperature: f64) -> Row {
        (Some(id), Some(extract), Some(hour), Some(temperature))
    }

    #[test]
    fn each_city_has_its_newest_extract_for_any_order_of_the_files() {
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
    fn incomplete_rows_are_left_out_and_a_repeated_hour_is_shown_once() {
        let rows: &[Row] = &[
            (None, Some(0), Some(1), Some(1.0)),
            (Some(1), None, Some(1), Some(1.0)),
            (Some(1), Some(0), None, Some(1.0)),
            row(1, 0, 2, 5.0),
            row(1, 0, 2, 5.0),
            (Some(1), Some(0), Some(3), Some(f64::NAN)),
        ];
        let points = &answer(&[rows])["cities"][0]["points"];
        assert_eq!(points.as_array().unwrap().len(), 2);
        assert_eq!(points[1]["temperature"], Value::Null, "JSON has no NaN");
    }

    #[test]
    fn only_the_first_cities_and_hours_are_shown_but_all_cities_are_counted() {
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
        cities.take(&columns(&[row(1, 24, 25, 1.0), row(2, 0, 25, 1.0)])).unwrap();
        assert!(cities.keep_after(hour(0)));
        assert_eq!(cities.answer()["city_count"], 1);
        assert!(!cities.keep_after(hour(24)));
        assert_eq!(cities.answer(), Cities::default().answer());
    }

    #[test]
    fn old_cities_are_dropped_and_an_extract_in_the_future_does_not_drop_the_others() {
        let mut cities = Cities::default();
        let week = TimeDelta::days(7);
        cities
            .take(&columns(&[row(1, 1_000, 1_001, 1.0), row(2, 832, 833, 1.0), row(3, 833, 834, 1.0)]))
            .unwrap();
        cities.drop_old(week, hour(5_000));
        assert_eq!(cities.0.keys().copied().collect::<Vec<_>>(), [1, 3]);
        cities.take(&columns(&[row(4, 9_000, 9_001, 1.0)])).unwrap();
        cities.drop_old(week, hour(1_000));
        assert_eq!(cities.0.keys().copied().collect::<Vec<_>>(), [1, 3, 4]);
        Cities::default().drop_old(week, DateTime::<Utc>::MAX_UTC);
    }

    #[test]
    fn a_column_of_another_type_is_named() {
        let mut bad = columns(&[row(1, 0, 1, 1.0)]);
        bad[4] = bad[0].clone();
        assert_eq!(Cities::default().take(&bad), Err("date"));
        assert_eq!(Cities::default().take(&bad[..1]), Err("state"));
    }

    /// Hours in any year with at most four digits.
    fn time() -> impl Strategy<Value = Option<i64>> {
        prop::option::of(-17_000_000..70_000_000_i64)
    }

    proptest! {
        #[test]
        fn random_rows_cause_no_panic(
            rows in prop::collection::vec((any::<Option<i64>>(), time(), time(), any::<Option<f64>>()), 0..20)
        ) {
            prop_assert!(answer(&[&rows])["cities"].as_array().is_some());
        }
    }
}
