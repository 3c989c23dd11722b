//! Why a batch was not stored.

use faults::{Classified, FaultClass};
use objects::StoreError;
use warehouse::WarehouseError;

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
}

impl Classified for LaneError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Warehouse(error) => error.class(),
            Self::Parking(error) => error.class(),
            Self::TooMuch(_) => FaultClass::Poison,
        }
    }
}

impl LaneError {
    /// Whether single records are at fault, which can be told apart.
    pub(crate) fn is_unholdable(&self) -> bool {
        match self {
            Self::Warehouse(error) => error.is_unholdable(),
            Self::Parking(_) => false,
            Self::TooMuch(_) => true,
        }
    }

    /// Why a single record cannot be held.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Warehouse(error) => error.server_message(),
            other => other.to_string(),
        }
    }
}
