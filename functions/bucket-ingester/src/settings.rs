//! The function's settings.

use std::str::FromStr;
use std::time::Duration;

use object_reader::BaseUrl;
use s3::S3Location;
use settings::Environment;
use warehouse::DatabaseSettings;

/// The function's settings. README.md lists the variables.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `MEDIA_SOURCE`: where the list and its files are.
    pub source: MediaSource,
    /// `MEDIA_LIST`: the list's key.
    pub list: String,
    /// The database with the tables and the registry.
    pub database: DatabaseSettings,
    /// `PARKED_ROOT`: the root of all dead letters.
    pub parked_root: S3Location,
    /// `SETTLE_SECONDS`: a damaged file is parked only if it was not written for this long.
    pub settle: Duration,
    /// `MAX_EXPANDED_MB`: the largest decompressed size of a file, here in bytes.
    pub largest_expanded: u64,
}

/// The place of the media files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaSource {
    /// A whole bucket, without a prefix.
    Bucket(S3Location),
    /// A folder of a web server, over HTTP or HTTPS. Its files cannot be listed.
    Web(BaseUrl),
}

impl FromStr for MediaSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(base) = text.parse() {
            return Ok(Self::Web(base));
        }
        match text.parse::<S3Location>() {
            Ok(bucket) if bucket.prefix().is_empty() => Ok(Self::Bucket(bucket)),
            _ => Err("it must be s3://bucket, or a base URL such as https://host/path/".to_owned()),
        }
    }
}

impl settings::FromEnvironment for Settings {
    fn read(environment: &mut Environment) -> Option<Self> {
        let source =
            environment.required("MEDIA_SOURCE", "s3://bucket or https://host/path/ of the media files");
        let list = environment.optional("MEDIA_LIST", "files_list.data".to_owned());
        let database = DatabaseSettings::read(environment);
        let parked_root = environment.required("PARKED_ROOT", "s3://bucket/prefix of the dead letters");
        let settle = environment.optional("SETTLE_SECONDS", 5_u32);
        let largest_expanded = environment.optional("MAX_EXPANDED_MB", 8_192_u32);
        Some(Self {
            source: source?,
            list: list?,
            database: database?,
            parked_root: parked_root?,
            settle: Duration::from_secs(settle?.into()),
            largest_expanded: u64::from(largest_expanded?) << 20,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_a_whole_bucket_or_a_web_folder() {
        assert!(matches!("s3://media".parse(), Ok(MediaSource::Bucket(_))));
        assert!(matches!("https://media.example/x".parse(), Ok(MediaSource::Web(_))));
        assert!("s3://media/prefix".parse::<MediaSource>().is_err());
        assert!("media".parse::<MediaSource>().is_err());
    }
}
