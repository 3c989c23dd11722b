//! The vehicles: the last report of each vehicle, and the last hour of one vehicle, from Postgres.

use chrono::{DateTime, Utc};
use pipeline::Pipeline;
use serde_json::{Value, json};
use tokio::time::Instant;
use warehouse::sql_types::Type;
use warehouse::{Client, WarehouseError, quoted};

use crate::error::BoardError;
use crate::sources::Sources;

/// The largest number of vehicles that are shown. If there are more, each answer has the same vehicles, so that
/// they do not appear and disappear on the page.
const SHOWN: i64 = 2_000;

/// The largest number of points of one vehicle: one hour with an event every three seconds.
const POINTS: i64 = 1_200;

/// The columns that a table of vehicles must have. They must be top-level fields of the records.
const COLUMNS: [&str; 8] =
    ["timestamp", "vin", "make", "model", "position_x", "position_y", "position_z", "speed"];

/// A table whose rows are reports of vehicles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FleetTable {
    /// The name, quoted for SQL.
    name: String,
}

impl FleetTable {
    /// The pipeline's table. `None` if it has no table, or not all of [`COLUMNS`].
    pub(crate) fn of_pipeline(pipeline: &Pipeline) -> Option<Self> {
        let spec = pipeline.table.as_ref()?;
        let has = |column: &&str| pipeline.fields.iter().any(|field| field.name == **column);
        COLUMNS.iter().all(has).then(|| Self { name: quoted(&spec.name) })
    }

    /// The newest report of each vehicle in the last 30 seconds, and the number of events in the last minute.
    /// Reports have the time of the vehicle's clock, so a vehicle is missing if its clock is wrong by more than
    /// that.
    async fn newest(&self, client: &Client) -> Result<Value, WarehouseError> {
        let failed = WarehouseError::statement("read where the vehicles are");
        let table = &self.name;
        let vehicles = format!(
            "WITH newest AS (SELECT DISTINCT ON (vin) vin, make, model, position_x, position_y, position_z, speed, \
                 \"timestamp\" AS at FROM {table} \
                 WHERE \"timestamp\" > now() - interval '30 s' AND \"timestamp\" < now() + interval '30 s' \
                 ORDER BY vin, \"timestamp\" DESC) \
             SELECT vin, make, model, position_x, position_y, position_z, speed, at, count(*) OVER () \
             FROM newest ORDER BY hashtext(vin) LIMIT {SHOWN}"
        );
        let events = format!(
            "SELECT count(*), max(\"timestamp\") FROM {table} \
             WHERE \"timestamp\" > now() - interval '1 min' AND \"timestamp\" < now() + interval '30 s'"
        );
        let (rows, minute) =
            tokio::try_join!(client.query_typed(&vehicles, &[]), client.query_typed_one(&events, &[]))
                .map_err(failed)?;
        let active = rows.first().map_or(0, |row| row.get::<_, i64>(8));
        let vehicles: Vec<Value> = rows
            .iter()
            .map(|row| {
                let text = |column: usize| row.get::<_, Option<String>>(column);
                let number = |column: usize| row.get::<_, Option<f64>>(column);
                json!({
                    "vin": text(0), "make": text(1), "model": text(2),
                    "x": number(3), "y": number(4), "z": number(5), "speed": number(6),
                    "at": row.get::<_, DateTime<Utc>>(7),
                })
            })
            .collect();
        Ok(json!({
            "vehicles": vehicles, "active": active, "events_last_minute": minute.get::<_, i64>(0),
            "newest": minute.get::<_, Option<DateTime<Utc>>>(1),
        }))
    }

    /// The reports of one vehicle in the hour before its last report, oldest first.
    async fn hour(&self, client: &Client, vin: &str) -> Result<Value, WarehouseError> {
        let table = &self.name;
        let sql = format!(
            "SELECT make, model, position_x, position_y, position_z, speed, \"timestamp\" FROM {table} \
             WHERE vin = $1 AND \"timestamp\" > \
                 (SELECT max(\"timestamp\") FROM {table} WHERE vin = $1) - interval '1 hour' \
             ORDER BY \"timestamp\" DESC LIMIT {POINTS}"
        );
        let rows = client.query_typed(&sql, &[(&vin, Type::TEXT)]).await;
        let rows = rows.map_err(WarehouseError::statement("read a vehicle's last hour"))?;
        let points: Vec<Value> = rows
            .iter()
            .rev()
            .map(|row| {
                let number = |column: usize| row.get::<_, Option<f64>>(column);
                json!({
                    "at": row.get::<_, DateTime<Utc>>(6),
                    "x": number(2), "y": number(3), "z": number(4), "speed": number(5),
                })
            })
            .collect();
        let text = |column: usize| rows.first().and_then(|row| row.get::<_, Option<String>>(column));
        Ok(json!({"vin": vin, "make": text(0), "model": text(1), "points": points}))
    }
}

impl Sources {
    /// The table of the first pipeline that has one for vehicles. `None` if there is no such pipeline.
    async fn fleet_table(&self, deadline: Instant) -> Result<Option<FleetTable>, BoardError> {
        Ok(self.pipelines(deadline).await?.iter().find_map(FleetTable::of_pipeline))
    }

    /// The answer of `api/vehicles`: the newest report of each vehicle.
    pub(crate) async fn vehicles(&self, deadline: Instant) -> Result<Value, BoardError> {
        let Some(table) = self.fleet_table(deadline).await? else {
            return Ok(json!({"vehicles": [], "active": 0, "events_last_minute": 0, "newest": null}));
        };
        let read =
            self.warehouse.run("read the vehicles", deadline, async |client| table.newest(client).await);
        Ok(read.await?)
    }

    /// The answer for one vehicle: its last hour.
    pub(crate) async fn vehicle(&self, vin: &str, deadline: Instant) -> Result<Value, BoardError> {
        let Some(table) = self.fleet_table(deadline).await? else {
            return Ok(json!({"vin": vin, "make": null, "model": null, "points": []}));
        };
        let read =
            self.warehouse.run("read a vehicle", deadline, async |client| table.hour(client, vin).await);
        Ok(read.await?)
    }
}
