//! Loads the pipelines of a Kafka function, from its environment or from S3.

use faults::{Classified, FaultClass};
use pipeline::{PipelineError, Pipelines};
use s3::{ObjectStore, S3Location, StoreError};
use tokio::time::Instant;

use settings::Environment;

/// Where a function finds its pipelines.
#[derive(Debug, Clone)]
pub enum PipelineSource {
    /// In the environment; already parsed.
    Inline(Pipelines),
    /// In an object on S3, because Lambda limits all environment variables together to 4 KB.
    Object {
        /// The object; the prefix is its key.
        address: S3Location,
        /// The object's version. It is pinned so that a function reads the pipelines that it was deployed with, even
        /// after a newer deployment.
        version: Option<String>,
    },
}

/// The pipelines could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// S3 returned an error or did not answer.
    #[error("HEADWATER_PIPELINES_URI: {0}")]
    Store(#[from] StoreError),
    /// The object does not exist.
    #[error("HEADWATER_PIPELINES_URI: {0} does not exist")]
    Missing(S3Location),
    /// The content is not a valid list of pipelines.
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
    /// Reads `HEADWATER_PIPELINES` (JSON) or `HEADWATER_PIPELINES_URI` (`s3://bucket/key`, with
    /// `?versionId=…` in a bucket with versioning). Exactly one of them must be set; otherwise a problem is
    /// added to `environment`. Returns `None` after a problem.
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
                environment.problem("HEADWATER_PIPELINES and HEADWATER_PIPELINES_URI are both set: set one");
            }
            (None, None) => environment.problem(
                "HEADWATER_PIPELINES (the pipeline files as a JSON list) or HEADWATER_PIPELINES_URI is missing",
            ),
        }
        None
    }

    /// Returns the pipelines. Reads the object from S3 if they are not inline; the result is not cached.
    ///
    /// # Errors
    /// [`LoadError`]: retryable if S3 does not answer before `deadline`, otherwise a configuration fault.
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

    /// Reads only the source from the environment.
    struct Source(PipelineSource);

    impl FromEnvironment for Source {
        fn read(environment: &mut Environment) -> Option<Self> {
            PipelineSource::read(environment).map(Self)
        }
    }

    #[test]
    fn pipelines_are_in_the_environment_or_on_s3_but_not_in_both() {
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
