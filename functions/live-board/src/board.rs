//! Routes requests by path.

use std::pin::Pin;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client as LogsClient;
use aws_sdk_sqs::Client as SqsClient;
use dead_letters::DeadLetters;
use function_kit::http::{Method, Request, Response, StatusCode};
use kafka_offsets::LagReader;
use pipeline::Pipelines;
use serde_json::Value;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::{Instant, timeout_at};
use warehouse::Warehouse;

use crate::error::BoardError;
use crate::fleet::FleetTable;
use crate::forecast::Forecast;
use crate::kept::Kept;
use crate::lake_tables::LakeTables;
use crate::page::{self, Page};
use crate::parked::Parked;
use crate::settings::Settings;

/// The longest time for the answer of a section.
const PATIENCE: Duration = Duration::from_secs(5);

/// The board, with the clients of all its sources.
pub struct Board {
    pub(crate) settings: Settings,
    /// The S3 client for the pipelines, the lake and the dead letters.
    pub(crate) objects: objects::Client,
    pub(crate) warehouse: Warehouse,
    /// Reads lags and offsets from Kafka.
    pub(crate) offsets: LagReader,
    /// Reads the depths of queues.
    pub(crate) queues: SqsClient,
    /// Reads the functions' logs.
    pub(crate) logs: LogsClient,
    /// The state of the Delta tables, kept between requests.
    pub(crate) lake: Mutex<LakeTables>,
    /// The dead letters that were read, kept between requests.
    pub(crate) parked: Mutex<Parked>,
    /// The forecast of the last table version that was read.
    pub(crate) forecast: Mutex<Option<Forecast>>,
    page: Page,
    pipelines: OnceCell<Pipelines>,
    /// The cached answers. Each section has its own maximum age.
    kept: KeptAnswers,
}

/// The sections whose answers are cached.
struct KeptAnswers {
    totals: Kept,
    vehicles: Kept,
    lanes: Kept,
    lake: Kept,
    forecast: Kept,
    parked: Kept,
    proof: Kept,
    errors: Kept,
}

impl Board {
    /// Creates the clients. No request is sent before the first request of a page.
    pub async fn open(settings: Settings) -> Self {
        let sdk = function_kit::aws::sdk_config().await;
        let objects = objects::client(&sdk);
        let letters = DeadLetters::new(objects.clone(), settings.parked_root.clone());
        let second = Duration::from_secs(1);
        Self {
            warehouse: Warehouse::new(settings.database.clone()),
            offsets: LagReader::new(settings.cluster.clone(), sdk.clone()),
            queues: SqsClient::new(&sdk),
            logs: LogsClient::new(&sdk),
            lake: Mutex::default(),
            parked: Mutex::new(Parked::new(letters)),
            forecast: Mutex::default(),
            page: Page::new(),
            pipelines: OnceCell::new(),
            kept: KeptAnswers {
                totals: Kept::new(second),
                vehicles: Kept::new(second),
                lanes: Kept::new(second),
                lake: Kept::new(4 * second),
                forecast: Kept::new(9 * second),
                parked: Kept::new(4 * second),
                proof: Kept::new(4 * second),
                errors: Kept::new(9 * second),
            },
            objects,
            settings,
        }
    }

    /// Answers a request: a path below `api/` with a section's figures as JSON, any other path with a file of the page.
    pub async fn answer(&self, request: &Request, deadline: Instant) -> Response {
        // If the board's address ends with a slash, the path may begin with two slashes.
        let path = request.path.trim_start_matches('/');
        let Some(path) = path.strip_prefix("api/") else {
            return self.page.answer(path, request);
        };
        if request.method != Method::GET {
            return page::guarded(Response::method_not_allowed("GET, HEAD"));
        }
        let deadline = deadline.min(Instant::now() + PATIENCE);
        let kept = &self.kept;
        // Boxed because the clients' futures are large.
        match path {
            "totals" => {
                section("/api/totals", deadline, Box::pin(kept.totals.or_make(self.totals(deadline)))).await
            }
            "vehicles" => {
                section("/api/vehicles", deadline, Box::pin(kept.vehicles.or_make(self.vehicles(deadline))))
                    .await
            }
            "lanes" => {
                section("/api/lanes", deadline, Box::pin(kept.lanes.or_make(self.lanes(deadline)))).await
            }
            "lake" => {
                section("/api/lake", deadline, Box::pin(kept.lake.or_make(self.lake_tables(deadline)))).await
            }
            "forecast" => {
                section("/api/forecast", deadline, Box::pin(kept.forecast.or_make(self.forecast(deadline))))
                    .await
            }
            "parked" => {
                section("/api/parked", deadline, Box::pin(kept.parked.or_make(self.parked(deadline)))).await
            }
            "proof" => {
                section("/api/proof", deadline, Box::pin(kept.proof.or_make(self.proof(deadline)))).await
            }
            "errors" => section("/api/errors", deadline, Box::pin(kept.errors.or_make(self.errors()))).await,
            _ => match path.strip_prefix("vehicles/").filter(|vin| is_vin(vin)) {
                Some(vin) => {
                    section("/api/vehicles/{vin}", deadline, Box::pin(self.vehicle(vin, deadline))).await
                }
                None => page::guarded(Response::not_found()),
            },
        }
    }

    /// The pipelines. They are loaded once.
    pub(crate) async fn pipelines(&self, deadline: Instant) -> Result<&Pipelines, BoardError> {
        let load = async || Ok(self.settings.pipelines.load(&self.objects, deadline).await?);
        self.pipelines.get_or_try_init(load).await
    }

    /// The table of vehicles; `None` if no pipeline file has one.
    pub(crate) async fn fleet_table(&self, deadline: Instant) -> Result<Option<FleetTable>, BoardError> {
        Ok(self.pipelines(deadline).await?.iter().find_map(FleetTable::of_pipeline))
    }
}

/// Waits for a section's answer and converts it to a response. An error becomes a response with its text.
async fn section(
    route: &'static str,
    deadline: Instant,
    section: Pin<Box<impl Future<Output = Result<Value, BoardError>>>>,
) -> Response {
    // Most sections observe the deadline themselves. Requests through the AWS SDK do not, so a time-out follows shortly
    // after.
    let made = timeout_at(deadline + Duration::from_millis(200), section).await;
    let response = match made.unwrap_or(Err(BoardError::Slow)) {
        Ok(value) => Response::json(StatusCode::OK, &value),
        Err(error) => {
            let reason = faults::chain(&error);
            Response::unavailable(&reason).because(reason.clone())
        }
    };
    page::guarded(response.route(route))
}

/// Whether the text can be a vehicle's id. It must not need escapes; the database decides whether the vehicle exists.
fn is_vin(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
