//! Why a batch was not stored.

use faults::{Classified, FaultClass};
use s3::StoreError;
use warehouse::WarehouseError;
use warehouse::search::Refusal;

/// Why a batch was not stored.
#[derive(Debug, thiserror::Error)]
pub enum LaneError {
    /// The database failed or refused.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// Poison could not be parked.
    #[error("parking: {0}")]
    Parking(#[from] StoreError),
    /// Records that cannot be stored together; one by one they may.
    #[error("{0}")]
    TooMuch(&'static str),
    /// The table refused what it had taken a moment before: somebody else changes it at the same time.
    #[error("the table changes while its records are looked through; it refused last: {0}")]
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
