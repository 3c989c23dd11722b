//! The pipelines and places that every Kafka lane is told of.

use faults::{Classified, FaultClass};
use objects::{ObjectStore, S3Location, StoreError};
use pipeline::{PipelineError, Pipelines};
use tokio::time::Instant;

use crate::environment::Environment;

/// Where the pipelines stand.
#[derive(Debug, Clone)]
pub enum PipelineSource {
    /// In the environment itself, read already.
    Inline(Pipelines),
    /// In the object at this address: the environment holds 4 KB at the most.
    Object(S3Location),
}

/// The pipelines cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// S3 did not give the object.
    #[error("HEADWATER_PIPELINES_URI: {0}")]
    Store(#[from] StoreError),
    /// There is no such object.
    #[error("HEADWATER_PIPELINES_URI: there is no {0}")]
    Missing(S3Location),
    /// The content is wrong.
    #[error("HEADWATER_PIPELINES_URI: {0}")]
    Content(#[from] PipelineError),
}

impl Classified for LoadError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Store(error) => error.class(),
            Self::Missing(_) | Self::Content(_) => FaultClass::Configuration,
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
            (None, Some(uri)) => match uri.parse::<S3Location>() {
                Ok(address) if !address.prefix().is_empty() => return Some(Self::Object(address)),
                _ => environment.problem("HEADWATER_PIPELINES_URI is not valid: it must be s3://bucket/key"),
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
    pub async fn load(&self, client: &objects::Client, deadline: Instant) -> Result<Pipelines, LoadError> {
        let address = match self {
            Self::Inline(pipelines) => return Ok(pipelines.clone()),
            Self::Object(address) => address,
        };
        let store = ObjectStore::new(client.clone(), address.root());
        let body = store.get(address.prefix(), deadline).await?;
        let body = body.ok_or_else(|| LoadError::Missing(address.clone()))?;
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
        assert_eq!(address.to_string(), "s3://b/c/p.json");
        let both = [("HEADWATER_PIPELINES", "[]"), ("HEADWATER_PIPELINES_URI", "s3://b/k")];
        assert!(Environment::from_iter(both).settings::<Source>().is_err());
        assert!(Environment::from_iter([("HEADWATER_PIPELINES", "[{}]")]).settings::<Source>().is_err());
        assert!(Environment::default().settings::<Source>().is_err());
    }
}
