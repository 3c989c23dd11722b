//! Addresses on S3.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The text is not of the form `s3://bucket/prefix` (or `s3a://…`); holds the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an address of the form s3://bucket/prefix")]
pub struct BadAddress(pub String);

/// A bucket and a prefix, written `s3://bucket/prefix`. The prefix has no slash at either end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct S3Location {
    /// The bucket's name; not empty.
    bucket: String,
    prefix: String,
}

impl S3Location {
    /// The bucket's name.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The prefix: empty, or without a slash at either end.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The location of the whole bucket, with an empty prefix.
    #[must_use]
    pub fn root(&self) -> Self {
        Self { bucket: self.bucket.clone(), prefix: String::new() }
    }

    /// The location of `path` below this one. Slashes at the ends of `path` are removed.
    #[must_use]
    pub fn join(&self, path: &str) -> Self {
        let path = path.trim_matches('/');
        let prefix = match (self.prefix.is_empty(), path.is_empty()) {
            (_, true) => self.prefix.clone(),
            (true, false) => path.to_owned(),
            (false, false) => format!("{}/{path}", self.prefix),
        };
        Self { bucket: self.bucket.clone(), prefix }
    }

    /// The object key of `path` below this location. `path` is not changed; an empty one gives the prefix with a slash.
    #[must_use]
    pub fn key(&self, path: &str) -> String {
        if self.prefix.is_empty() { path.to_owned() } else { format!("{}/{path}", self.prefix) }
    }
}

impl FromStr for S3Location {
    type Err = BadAddress;

    fn from_str(address: &str) -> Result<Self, BadAddress> {
        let refused = || BadAddress(address.to_owned());
        let rest =
            address.strip_prefix("s3://").or_else(|| address.strip_prefix("s3a://")).ok_or_else(refused)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() || bucket.contains(char::is_whitespace) {
            return Err(refused());
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.trim_matches('/').to_owned() })
    }
}

impl fmt::Display for S3Location {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "s3://{}", self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(out, "/{}", self.prefix) }
    }
}

impl TryFrom<String> for S3Location {
    type Error = BadAddress;

    fn try_from(address: String) -> Result<Self, BadAddress> {
        address.parse()
    }
}

impl From<S3Location> for String {
    fn from(location: S3Location) -> Self {
        location.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_parsed_and_formatted() {
        for (given, bucket, prefix, written) in [
            ("s3://lake", "lake", "", "s3://lake"),
            ("s3://lake/", "lake", "", "s3://lake"),
            (
                "s3://lake/env=dv/source=rooms/",
                "lake",
                "env=dv/source=rooms",
                "s3://lake/env=dv/source=rooms",
            ),
            ("s3a://lake/a", "lake", "a", "s3://lake/a"),
        ] {
            let location: S3Location = given.parse().unwrap();
            assert_eq!((location.bucket(), location.prefix()), (bucket, prefix));
            assert_eq!(location.to_string(), written);
        }
    }

    #[test]
    fn a_text_that_is_not_an_s3_address_is_rejected() {
        for given in ["", "lake/a", "s3://", "s3:///a", "file:///a", "s3://a b/c"] {
            assert!(given.parse::<S3Location>().is_err(), "{given:?}");
        }
    }

    #[test]
    fn joined_paths_have_single_slashes() {
        let root: S3Location = "s3://lake".parse().unwrap();
        assert_eq!(root.join("a/b/").to_string(), "s3://lake/a/b");
        assert_eq!(root.join("a").join("/b").key("c"), "a/b/c");
        assert_eq!(root.key("c"), "c");
    }
}
