//! The function's settings.

use std::time::Duration;

use s3::S3Location;
use settings::Environment;
use warehouse::DatabaseSettings;

/// The function's settings. README.md lists the variables.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `INBOX_ROOT`: the bucket and prefix of the events.
    pub inbox: S3Location,
    /// The database with the tables and the registry.
    pub database: DatabaseSettings,
    /// `PARKED_ROOT`: the root of all dead letters.
    pub parked_root: S3Location,
    /// `SETTLE_SECONDS`: a damaged object is parked only if it was not written for this long.
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
