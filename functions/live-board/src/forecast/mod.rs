//! The weather forecast: each city's newest extract, from the Delta table that the Spark job writes.

mod cities;
mod files;

use std::pin::pin;

use chrono::Utc;
use futures::TryStreamExt;
use lake::{ActiveFile, Snapshot, TableSize};
use s3::S3Location;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::BoardError;
use crate::sources::Sources;
use cities::Cities;
use files::{Candidate, Choice};

/// The forecast of one version of the table. It is cached until the table has another version.
pub(crate) struct Forecast {
    version: i64,
    /// The part of the answer that depends only on the version ([`Cities::answer`]).
    cities: Value,
}

impl Sources {
    /// The answer of `api/forecast`. `kept` caches the forecast between calls.
    ///
    /// `table` is null if no table is configured; `version` is null if the table does not exist. Without rows,
    /// `cities` is empty.
    ///
    /// # Errors
    /// [`BoardError::ForecastColumn`] and [`BoardError::ForecastFiles`] if the table cannot be shown;
    /// [`BoardError::Lake`] if it cannot be read.
    pub(crate) async fn forecast(
        &self,
        kept: &Mutex<Option<Forecast>>,
        deadline: Instant,
    ) -> Result<Value, BoardError> {
        let Some(path) = &self.settings.forecast_table else {
            return Ok(json!({"table": null, "cities": []}));
        };
        let Some(TableSize { version, last_commit, .. }) = self.table_size(path, deadline).await? else {
            return Ok(json!({"table": path, "version": null, "last_commit": null, "extracted_at": null,
                "city_count": 0, "cities": []}));
        };
        let mut forecast = kept.lock().await;
        if forecast.as_ref().is_none_or(|kept| kept.version != version) {
            let location = self.settings.lake_root.join(path);
            let cities = self.newest_extracts(location, deadline).await?;
            *forecast = Some(Forecast { version, cities });
        }
        let mut answer = json!({"table": path, "version": version.to_string(), "last_commit": last_commit});
        if let (Value::Object(answer), Some(Value::Object(cities))) =
            (&mut answer, forecast.as_ref().map(|kept| &kept.cities))
        {
            answer.extend(cities.clone());
        }
        Ok(answer)
    }

    /// Reads the newest extract of each city. Returns the part of the answer about cities.
    async fn newest_extracts(&self, location: S3Location, deadline: Instant) -> Result<Value, BoardError> {
        let table = location.to_string();
        let mut cities = Cities::default();
        let Some(snapshot) = Snapshot::read(self.objects.clone(), location, deadline).await? else {
            return Ok(cities.answer());
        };
        let now = Utc::now();
        let candidates: Vec<Candidate<&ActiveFile>> = snapshot.files().iter().map(Candidate::of).collect();
        let Choice { files, complete_after } = files::choose(candidates, now);
        let mut files = pin!(snapshot.scan_plain(files, &cities::COLUMNS, deadline));
        while let Some((_, columns)) = files.try_next().await? {
            cities
                .take(&columns)
                .map_err(|column| BoardError::ForecastColumn { table: table.clone(), column })?;
        }
        cities.drop_old(files::LOOK_BACK, now);
        match complete_after {
            Some(complete_after) if !cities.keep_after(complete_after) => {
                Err(BoardError::ForecastFiles { table, files: files::FILES, mebibytes: files::BYTES >> 20 })
            }
            _ => Ok(cities.answer()),
        }
    }
}
