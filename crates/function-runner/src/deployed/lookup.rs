//! Reads a function's configuration and code from Lambda's API.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_lambda::operation::get_function::{GetFunctionError, GetFunctionOutput};
use aws_sdk_lambda::types::{Concurrency, PackageType};
use http_body_util::{BodyExt as _, Limited};
use object_reader::{WebClient, web_client};
use sha2::{Digest as _, Sha256};

use super::{DeployedError, text};
use crate::{Code, Function};

/// The longest time for one request to the API, or for one download of code.
const PATIENCE: Duration = Duration::from_secs(20);

/// Lambda's limit for an uploaded zip file, in bytes.
const LARGEST_ZIP: usize = 50 << 20;

/// Reads functions from a Lambda endpoint.
pub(super) struct Lookup {
    /// Without retries. Each request ends after [`PATIENCE`].
    lambda: Client,
    /// The client for downloads of code, or the reason why it could not be built.
    web: Result<WebClient, String>,
    /// The folder into which code is unpacked.
    cache: PathBuf,
    /// The value of `AWS_REGION` in the functions: the region of the endpoint, or `us-east-1`.
    region: String,
    /// Variables that are added to each function's environment.
    machine: BTreeMap<String, String>,
}

/// A function's deployment.
#[derive(Debug)]
pub(super) struct Deployment {
    /// If this value changes, the function's processes must be replaced.
    ///
    /// It consists of the revision id, the hash of the code, and the reserved concurrency.
    pub(super) identity: (String, String, Option<i32>),
    /// Whether the function is a zip file with its own runtime, so that this machine can run it.
    pub(super) runs_here: bool,
    /// The ARN of the function's role.
    pub(super) role: String,
    /// The API's answer, with the configuration and the address of the code.
    answer: GetFunctionOutput,
}

impl Lookup {
    /// Creates the clients. `cache` is the folder for unpacked code. It is created when it is first needed.
    pub(super) fn new(sdk: &SdkConfig, cache: PathBuf) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(PATIENCE).build();
        let lambda = aws_sdk_lambda::config::Builder::from(sdk)
            // The caller retries with its own pauses.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .build();
        // Functions use the same endpoint as this process.
        let endpoint = sdk.endpoint_url().map(|url| ("AWS_ENDPOINT_URL".to_owned(), url.to_owned()));
        Self {
            lambda: Client::from_conf(lambda),
            web: web_client(authorities::public()).map_err(text),
            cache,
            region: sdk.region().map_or("us-east-1", |region| region.as_ref()).to_owned(),
            machine: endpoint.into_iter().collect(),
        }
    }

    /// Reads the function's current deployment, without its code.
    ///
    /// Fails with [`DeployedError::Missing`] if the API does not know the function, and with
    /// [`DeployedError::Unreadable`] for any other error.
    pub(super) async fn find(&self, name: &str) -> Result<Deployment, DeployedError> {
        let answer = self.lambda.get_function().function_name(name).send().await;
        let answer = answer.map_err(|error| {
            if error.as_service_error().is_some_and(GetFunctionError::is_resource_not_found_exception) {
                DeployedError::Missing(name.to_owned())
            } else {
                unreadable(name, text(error))
            }
        })?;
        let Some(configuration) = answer.configuration() else {
            return Err(unreadable(name, "the answer has no configuration".to_owned()));
        };
        let own = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let concurrency = answer.concurrency().and_then(Concurrency::reserved_concurrent_executions);
        let runtime = configuration.runtime().is_some_and(|runtime| runtime.as_str().starts_with("provided"));
        Ok(Deployment {
            identity: (own(configuration.revision_id()), own(configuration.code_sha256()), concurrency),
            runs_here: runtime && configuration.package_type() != Some(&PackageType::Image),
            role: own(configuration.role()),
            answer,
        })
    }

    /// Downloads and unpacks the code, and returns the function.
    ///
    /// Fails with [`DeployedError::Unreadable`] if the download fails or its hash is not the deployment's `CodeSha256`,
    /// and with [`DeployedError::Code`] if the zip file cannot be unpacked. A missing time-out is 3 s, a missing memory
    /// size 128 MB.
    pub(super) async fn function(
        &self,
        name: &str,
        deployment: &Deployment,
    ) -> Result<Function, DeployedError> {
        let answer = &deployment.answer;
        let (Some(configuration), Some(location)) =
            (answer.configuration(), answer.code().and_then(|code| code.location()))
        else {
            return Err(unreadable(name, "the answer has no address of the code".to_owned()));
        };
        let zip = self.download(location).await.map_err(|reason| unreadable(name, reason))?;
        if let Some(expected) = configuration.code_sha256()
            && base64_simd::STANDARD.encode_to_string(Sha256::digest(&zip)) != expected
        {
            // The function was deployed between the two requests, or the API keeps only the code of the newest version.
            return Err(unreadable(name, format!("its code is not the one with CodeSha256 {expected}")));
        }
        let cache = self.cache.clone();
        let code = tokio::task::spawn_blocking(move || Code::unpack(&zip, &cache)).await;
        let code = code.map_err(|error| unreadable(name, text(error)))?;
        let code = code.map_err(|source| DeployedError::Code { name: name.to_owned(), source })?;
        let seconds = u64::try_from(configuration.timeout().unwrap_or(3)).unwrap_or(3);
        let simple_name = configuration.function_name().unwrap_or(name).to_owned();
        let group = configuration.logging_config().and_then(|logging| logging.log_group());
        let variables = configuration.environment().and_then(|environment| environment.variables());
        Ok(Function {
            log_group: group.map_or_else(|| format!("/aws/lambda/{simple_name}"), str::to_owned),
            arn: configuration.function_arn().unwrap_or_default().to_owned(),
            name: simple_name,
            version: configuration.version().unwrap_or("$LATEST").to_owned(),
            handler: configuration.handler().unwrap_or("bootstrap").to_owned(),
            region: self.region.clone(),
            timeout: Duration::from_secs(seconds),
            memory_mb: configuration.memory_size().and_then(|size| size.try_into().ok()).unwrap_or(128),
            reserved_concurrency: deployment.identity.2.and_then(|slots| slots.try_into().ok()),
            environment: variables.into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect(),
            machine: self.machine.clone(),
            code,
        })
    }

    /// Downloads the zip file. The error is a text without the function's name.
    ///
    /// The download ends after [`PATIENCE`], or when it exceeds [`LARGEST_ZIP`] bytes.
    async fn download(&self, location: &str) -> Result<Vec<u8>, String> {
        let address = location.parse().map_err(text)?;
        let get = async {
            let answer = self.web.as_ref()?.get(address).await.map_err(text)?;
            if !answer.status().is_success() {
                return Err(format!("its code cannot be downloaded: HTTP status {}", answer.status()));
            }
            let body = Limited::new(answer.into_body(), LARGEST_ZIP).collect().await;
            body.map(|body| body.to_bytes().to_vec()).map_err(|error| error.to_string())
        };
        let late = || format!("its code did not arrive within {} s", PATIENCE.as_secs());
        tokio::time::timeout(PATIENCE, get).await.map_err(|_| late())?
    }
}

fn unreadable(name: &str, reason: String) -> DeployedError {
    DeployedError::Unreadable { name: name.to_owned(), reason }
}
