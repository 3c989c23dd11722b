//! The pipelines and places that every Kafka lane is told of.

use pipeline::{PipelineError, Pipelines};

use crate::environment::Environment;
use crate::fault::{Classified, FaultClass};

/// Where the pipelines stand.
#[derive(Debug, Clone)]
pub enum PipelineSource {
    /// In the environment itself, read already.
    Inline(Pipelines),
    /// In an object on S3: the environment holds 4 KB at the most.
    Object(S3Address),
}

/// Bucket and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Address {
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
}

/// The pipelines cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// S3 did not give the object.
    #[error("s3://{bucket}/{key}: {reason}")]
    Object {
        /// The bucket.
        bucket: String,
        /// The object's key.
        key: String,
        /// Why.
        reason: String,
    },
    /// The content is wrong.
    #[error("HEADWATER_PIPELINES_URI: {0}")]
    Content(#[from] PipelineError),
}

impl Classified for LoadError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Object { .. } => FaultClass::Retryable,
            Self::Content(_) => FaultClass::Configuration,
        }
    }
}

impl PipelineSource {
    /// Reads `HEADWATER_PIPELINES` (JSON) or `HEADWATER_PIPELINES_URI` (`s3://bucket/key`).
    pub fn read(environment: &mut Environment) -> Option<Self> {
        match (environment.text("HEADWATER_PIPELINES"), environment.text("HEADWATER_PIPELINES_URI")) {
            (Some(json), None) => match Pipelines::from_json(&json) {
                Ok(pipelines) => return Some(Self::Inline(pipelines)),
                Err(error) => environment.problem(format!("HEADWATER_PIPELINES is not valid: {error}")),
            },
            (None, Some(uri)) => match uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) {
                Some((bucket, key)) => {
                    return Some(Self::Object(S3Address { bucket: bucket.to_owned(), key: key.to_owned() }));
                }
                None => environment.problem("HEADWATER_PIPELINES_URI is not valid: it must be s3://bucket/key"),
            },
            (Some(_), Some(_)) => {
                environment.problem("HEADWATER_PIPELINES and HEADWATER_PIPELINES_URI exclude each other");
            }
            (None, None) => environment.problem(
                "HEADWATER_PIPELINES is missing (the pipeline files as a JSON list), or HEADWATER_PIPELINES_URI",
            ),
        }
        None
    }

    /// The pipelines, from S3 where they stand there.
    pub async fn load(&self, client: &aws_sdk_s3::Client) -> Result<Pipelines, LoadError> {
        let S3Address { bucket, key } = match self {
            Self::Inline(pipelines) => return Ok(pipelines.clone()),
            Self::Object(address) => address,
        };
        let failed = |reason: String| LoadError::Object { bucket: bucket.clone(), key: key.clone(), reason };
        let answer = client.get_object().bucket(bucket).key(key).send().await;
        let object = answer.map_err(|error| failed(crate::serve::chain(&error)))?;
        let body = object.body.collect().await.map_err(|error| failed(error.to_string()))?.into_bytes();
        Ok(Pipelines::from_json(&String::from_utf8_lossy(&body))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Settings;

    struct Source(PipelineSource);

    impl Settings for Source {
        fn read(environment: &mut Environment) -> Option<Self> {
            PipelineSource::read(environment).map(Self)
        }
    }

    #[test]
    fn pipelines_stand_in_the_environment_or_on_s3_but_not_in_both() {
        let inline = Environment::from_iter([("HEADWATER_PIPELINES", "[]")]).settings::<Source>();
        assert!(matches!(inline.unwrap().0, PipelineSource::Inline(_)));
        let object =
            Environment::from_iter([("HEADWATER_PIPELINES_URI", "s3://b/c/p.json")]).settings::<Source>();
        let PipelineSource::Object(address) = object.unwrap().0 else { panic!("inline") };
        assert_eq!(address, S3Address { bucket: "b".into(), key: "c/p.json".into() });
        let both = [("HEADWATER_PIPELINES", "[]"), ("HEADWATER_PIPELINES_URI", "s3://b/k")];
        assert!(Environment::from_iter(both).settings::<Source>().is_err());
        assert!(Environment::from_iter([("HEADWATER_PIPELINES", "[{}]")]).settings::<Source>().is_err());
        assert!(Environment::default().settings::<Source>().is_err());
    }
}
