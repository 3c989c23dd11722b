//! The pipelines and places that every Kafka lane is told of.

use faults::{Classified, FaultClass};
use pipeline::{PipelineError, Pipelines};
use s3::{ObjectStore, S3Location, StoreError};
use tokio::time::Instant;

use settings::Environment;

/// Where the pipelines stand.
#[derive(Debug, Clone)]
pub enum PipelineSource {
    /// In the environment itself, read already.
    Inline(Pipelines),
    /// In an object: the environment holds 4 KB at the most.
    Object {
        /// Its address.
        address: S3Location,
        /// Its version. A function of an older deployment reads the pipelines that it was deployed with.
        version: Option<String>,
    },
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
    /// Reads `HEADWATER_PIPELINES` (JSON) or `HEADWATER_PIPELINES_URI` (`s3://bucket/key`, with `?versionId=…` where the
    /// bucket keeps versions).
    pub fn read(environment: &mut Environment) -> Option<Self> {
        match (environment.text("HEADWATER_PIPELINES"), environment.text("HEADWATER_PIPELINES_URI")) {
            (Some(json), None) => match Pipelines::from_json(&json) {
                Ok(pipelines) => return Some(Self::Inline(pipelines)),
                Err(error) => environment.problem(format!("HEADWATER_PIPELINES is not valid: {error}")),
            },
            (None, Some(uri)) => {
                let (address, version) = uri.split_once("?versionId=").unwrap_or((&uri, ""));
                match address.parse::<S3Location>() {
                    Ok(address) if !address.prefix().is_empty() => {
                        let version = (!version.is_empty()).then(|| version.to_owned());
                        return Some(Self::Object { address, version });
                    }
                    _ => environment.problem("HEADWATER_PIPELINES_URI is not valid: it must be s3://bucket/key"),
                }
            }
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
    pub async fn load(&self, client: &s3::Client, deadline: Instant) -> Result<Pipelines, LoadError> {
        let (address, version) = match self {
            Self::Inline(pipelines) => return Ok(pipelines.clone()),
            Self::Object { address, version } => (address, version),
        };
        let store = ObjectStore::new(client.clone(), address.root());
        let body = match version {
            Some(version) => store.get_version(address.prefix(), version, deadline).await?,
            None => store.get(address.prefix(), deadline).await?,
        };
        let body = body.ok_or_else(|| LoadError::Missing(address.clone()))?;
        Ok(Pipelines::from_json(&String::from_utf8_lossy(&body))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use settings::FromEnvironment;

    struct Source(PipelineSource);

    impl FromEnvironment for Source {
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
        let PipelineSource::Object { address, version } = object.unwrap().0 else { panic!("inline") };
        assert_eq!((address.to_string().as_str(), version), ("s3://b/c/p.json", None));
        let pinned =
            Environment::from_iter([("HEADWATER_PIPELINES_URI", "s3://b/c/p.json?versionId=3/L4kqtJl.c")]);
        let PipelineSource::Object { address, version } = pinned.settings::<Source>().unwrap().0 else {
            panic!("inline")
        };
        assert_eq!((address.prefix(), version.as_deref()), ("c/p.json", Some("3/L4kqtJl.c")));
        let both = [("HEADWATER_PIPELINES", "[]"), ("HEADWATER_PIPELINES_URI", "s3://b/k")];
        assert!(Environment::from_iter(both).settings::<Source>().is_err());
        assert!(Environment::from_iter([("HEADWATER_PIPELINES", "[{}]")]).settings::<Source>().is_err());
        assert!(Environment::default().settings::<Source>().is_err());
    }
}
