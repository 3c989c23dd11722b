//! Routes requests by path.

use std::pin::Pin;
use std::time::Duration;

use dead_letters::DeadLetters;
use function_kit::http::{Method, Request, Response, StatusCode};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::error::BoardError;
use crate::forecast::Forecast;
use crate::kept::Kept;
use crate::page::{self, Page};
use crate::parked::Parked;
use crate::settings::Settings;
use crate::sources::Sources;
use crate::waiting::Waiting;

/// The longest time for the answer of a section.
const PATIENCE: Duration = Duration::from_secs(5);

/// The board: its page, what its sections read from, and the answers that are kept.
pub struct Board {
    sources: Sources,
    parked: Mutex<Parked>,
    forecast: Mutex<Option<Forecast>>,
    waiting: Mutex<Waiting>,
    page: Page,
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
        let parked_root = settings.parked_root.clone();
        let sources = Sources::open(settings).await;
        let second = Duration::from_secs(1);
        Self {
            parked: Mutex::new(Parked::new(DeadLetters::new(sources.objects.clone(), parked_root))),
            forecast: Mutex::default(),
            waiting: Mutex::default(),
            page: Page::new(),
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
            sources,
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
        let (kept, sources) = (&self.kept, &self.sources);
        // Boxed because the clients' futures are large.
        match path {
            "totals" => {
                section("/api/totals", deadline, Box::pin(kept.totals.or_make(sources.totals(deadline))))
                    .await
            }
            "vehicles" => {
                section(
                    "/api/vehicles",
                    deadline,
                    Box::pin(kept.vehicles.or_make(sources.vehicles(deadline))),
                )
                .await
            }
            "lanes" => {
                section(
                    "/api/lanes",
                    deadline,
                    Box::pin(kept.lanes.or_make(sources.lanes(&self.waiting, deadline))),
                )
                .await
            }
            "lake" => {
                section("/api/lake", deadline, Box::pin(kept.lake.or_make(sources.lake_tables(deadline))))
                    .await
            }
            "forecast" => {
                section(
                    "/api/forecast",
                    deadline,
                    Box::pin(kept.forecast.or_make(sources.forecast(&self.forecast, deadline))),
                )
                .await
            }
            "parked" => {
                section("/api/parked", deadline, Box::pin(kept.parked.or_make(self.parked(deadline)))).await
            }
            "proof" => {
                section("/api/proof", deadline, Box::pin(kept.proof.or_make(sources.proof(deadline)))).await
            }
            "errors" => {
                section("/api/errors", deadline, Box::pin(kept.errors.or_make(sources.errors()))).await
            }
            _ => match path.strip_prefix("vehicles/").filter(|vin| is_vin(vin)) {
                Some(vin) => {
                    section("/api/vehicles/{vin}", deadline, Box::pin(sources.vehicle(vin, deadline))).await
                }
                None => page::guarded(Response::not_found()),
            },
        }
    }

    async fn parked(&self, deadline: Instant) -> Result<Value, BoardError> {
        self.parked.lock().await.look(deadline).await
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
