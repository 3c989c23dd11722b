//! The function's settings.

use std::time::Duration;

use s3::S3Location;
use settings::Environment;
use warehouse::DatabaseSettings;

/// See README.md for the variables.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where events lie.
    pub inbox: S3Location,
    /// The database.
    pub database: DatabaseSettings,
    /// The root of all dead letters.
    pub parked_root: S3Location,
    /// How long a damaged object must have stood still before it is parked.
    pub settle: Duration,
}

impl settings::FromEnvironment for Settings {
    fn read(environment: &mut Environment) -> Option<Self> {
        let inbox = environment.required("INBOX_ROOT", "s3://bucket/prefix of the inbox");
        let database = DatabaseSettings::read(environment);
        let parked_root = environment.required("PARKED_ROOT", "s3://bucket/prefix of the dead letters");
        let settle = environment.optional("SETTLE_SECONDS", 5_u32);
        Some(Self {
            inbox: inbox?,
            database: database?,
            parked_root: parked_root?,
            settle: Duration::from_secs(settle?.into()),
        })
    }
}
