//! The errors of a lane that stores in Postgres.

use faults::{Classified, FaultClass};
use s3::StoreError;
use warehouse::WarehouseError;
use warehouse::search::Refusal;

/// Why a batch was not stored. The batch must be redelivered.
#[derive(Debug, thiserror::Error)]
pub enum LaneError {
    /// Postgres failed or refused a statement.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// Records could not be parked, because S3 refused or failed.
    #[error("parking: {0}")]
    Parking(#[from] StoreError),
    /// The records cannot be stored together in one statement. Each by itself may be possible. Holds the
    /// reason.
    #[error("{0}")]
    TooMuch(&'static str),
    /// The table refused records that it had accepted in an earlier attempt, so another session is changing
    /// it at the same time. A retry may help. Holds the last error.
    #[error(
        "the table is being changed while the batch is checked record by record; its last error was: {0}"
    )]
    Unsteady(String),
}

impl Classified for LaneError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Warehouse(error) => error.class(),
            Self::Parking(error) => error.class(),
            Self::TooMuch(_) => FaultClass::Poison,
            Self::Unsteady(_) => FaultClass::Retryable,
        }
    }
}

impl Refusal for LaneError {
    fn is_unholdable(&self) -> bool {
        match self {
            Self::Warehouse(error) => error.is_unholdable(),
            Self::Parking(_) | Self::Unsteady(_) => false,
            Self::TooMuch(_) => true,
        }
    }

    fn may_fit_later(&self) -> bool {
        match self {
            Self::Warehouse(error) => error.is_out_of_range(),
            Self::Parking(_) | Self::Unsteady(_) => false,
            Self::TooMuch(_) => true,
        }
    }

    fn reason(&self) -> String {
        match self {
            Self::Warehouse(error) => error.server_message(),
            other => other.to_string(),
        }
    }
}
