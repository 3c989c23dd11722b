//! The stack that a verb works on: the local one of a data folder, or one that a stack file describes.

use std::time::Duration;

use anyhow::Context as _;
use aws_config::{Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials as _;
use kafka::{Auth, Cluster, ClusterSettings};
use pipeline::Pipelines;
use s3::S3Location;
use warehouse::{DatabaseAuth, DatabaseSettings, Session};

use super::{
    aws,
    layout::Layout,
    outputs::{ForecastOutput, Outputs},
    record::{LocalStack, aws_variables},
    stack_file,
};
use crate::failure::failure;

/// How long a connection to Postgres may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Environment variable that replaces the stack file's database URL. It is needed for a user who may write, or for a
/// connection through a tunnel.
const DATABASE_URL: &str = "HEADWATER_DATABASE_URL";

/// A deployed stack. Its methods give the addresses and clients of its parts.
#[derive(Debug)]
pub(crate) struct Stack {
    /// Terraform's outputs: from the record of the local stack, or from the stack file.
    outputs: Outputs,
    /// Configuration of AWS clients: for the emulator, or for the account of this shell's credentials.
    sdk: SdkConfig,
    /// The record of the local stack; `None` for a stack file.
    local: Option<LocalStack>,
}

impl Stack {
    /// Opens the stack that the file of `--stack` describes. Without `--stack`, opens the local stack of the data
    /// folder. Connects to nothing yet.
    ///
    /// # Errors
    /// - With a stack file: it cannot be read or parsed, or this shell has no AWS credentials.
    /// - Without: the data folder has no stack, or no `up` has finished.
    pub(crate) async fn open(layout: &Layout) -> anyhow::Result<Self> {
        // Boxed, here and below: the futures of clients are large.
        let Some(file) = &layout.stack_named else {
            return Box::pin(Self::of_local(LocalStack::load(layout)?)).await;
        };
        let outputs = stack_file::read(file)?;
        let mut loader = settings::sdk_loader();
        if let Some(region) = &outputs.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let sdk = Box::pin(loader.load()).await;
        require_credentials(&sdk).await?;
        Ok(Self { outputs, sdk, local: None })
    }

    /// Opens the local stack of a record. Fails if the record has no outputs, because no `up` has finished.
    pub(crate) async fn of_local(local: LocalStack) -> anyhow::Result<Self> {
        Ok(Self { outputs: local.outputs()?.clone(), sdk: aws::config(&local).await, local: Some(local) })
    }

    /// Terraform's outputs.
    pub(crate) fn outputs(&self) -> &Outputs {
        &self.outputs
    }

    /// The configuration for AWS clients.
    pub(crate) fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// The record of the local stack. `None` if a stack file describes this stack.
    pub(crate) fn local(&self) -> Option<&LocalStack> {
        self.local.as_ref()
    }

    /// The fix for an error about a missing part of this stack.
    pub(crate) fn remedy(&self) -> &'static str {
        if self.local.is_some() {
            "run `headwater up`"
        } else {
            "deploy the stack (`scripts/deploy`), then write the stack file again with `terraform output -json`"
        }
    }

    /// The deployed pipelines: from the local stack's folder, or from the stack file's output `pipelines`.
    ///
    /// # Errors
    /// A pipeline is not valid, or the stack file lacks the output.
    pub(crate) fn pipelines(&self) -> anyhow::Result<Pipelines> {
        if let Some(local) = &self.local {
            return Ok(Pipelines::from_folder(&local.pipelines)?);
        }
        Pipelines::from_json(said("pipelines", self.outputs.pipelines.as_ref())?)
            .context("the stack file's `pipelines` are not valid")
    }

    /// The root of the Delta tables on S3.
    pub(crate) fn lake(&self) -> anyhow::Result<S3Location> {
        let root = &self.outputs.lake_root;
        root.parse().with_context(|| format!("{root} is not an address on S3"))
    }

    /// A client of S3.
    pub(crate) fn objects(&self) -> s3::Client {
        s3::client(&self.sdk)
    }

    /// Kafka's brokers and the authentication. If the stack file names no brokers, they are looked up by the cluster's
    /// ARN.
    pub(crate) fn cluster(&self) -> anyhow::Result<ClusterSettings> {
        if let Some(local) = &self.local {
            return Ok(ClusterSettings::plaintext(local.kafka()));
        }
        let Outputs { kafka_bootstrap_servers: servers, kafka_cluster_arn: arn, kafka_auth, .. } =
            &self.outputs;
        let auth = said("kafka_auth", kafka_auth.as_ref())?;
        let auth: Auth =
            auth.parse().map_err(|problem| anyhow::anyhow!("the stack file's `kafka_auth` {problem}"))?;
        let cluster = match (servers, arn) {
            (Some(servers), _) => Cluster::Servers(servers.clone()),
            (None, Some(arn)) => Cluster::Arn(arn.clone()),
            (None, None) => return Err(incomplete("kafka_bootstrap_servers")),
        };
        Ok(ClusterSettings { cluster, auth })
    }

    /// Address and login of the database. On the local stack, the user owns the database and may write. With a stack
    /// file, the user may only read, unless `HEADWATER_DATABASE_URL` names another one. `PGSSLROOTCERT` names a file of
    /// certificate authorities for stacks in AWS.
    pub(crate) fn database(&self) -> anyhow::Result<DatabaseSettings> {
        let settings = |url: &str, auth| {
            DatabaseSettings::new(url, auth)
                .map_err(|problem| anyhow::anyhow!("the database's address is wrong: {problem}"))
        };
        if let Some(local) = &self.local {
            return settings(&local.database_url, DatabaseAuth::Url);
        }
        let authorities = std::env::var("PGSSLROOTCERT").ok();
        if let Ok(url) = std::env::var(DATABASE_URL) {
            return Ok(settings(&url, DatabaseAuth::Url)?.with_ca_file(authorities));
        }
        let reader = self.outputs.database_reader.as_ref().ok_or_else(|| incomplete("database_reader"))?;
        let auth: DatabaseAuth = reader
            .auth
            .parse()
            .map_err(|problem| anyhow::anyhow!("the stack file's `database_reader.auth`: {problem}"))?;
        Ok(settings(&reader.url, auth)?.with_ca_file(authorities))
    }

    /// Connects to the database. Gives up after [`PATIENCE`].
    ///
    /// # Errors
    /// The database cannot be reached or refuses the login. In AWS, the fix says from where it can be reached.
    pub(crate) async fn postgres(&self) -> anyhow::Result<Session> {
        let settings = self.database()?;
        let connecting = tokio::time::timeout(PATIENCE, Box::pin(warehouse::connect(&settings)));
        match connecting.await {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(error)) => Err(self.out_of_reach(&format!("Postgres: {}", faults::chain(&error)))),
            Err(_) => Err(self.out_of_reach(&format!("Postgres at {}: no answer", settings.address()))),
        }
    }

    /// Makes the error for a part that cannot be reached. In AWS, Kafka and Postgres are in private subnets, so the fix
    /// says from where they can be reached.
    pub(crate) fn out_of_reach(&self, what: &str) -> anyhow::Error {
        let fix = match (&self.local, &self.outputs.host) {
            (Some(_), _) => "run `headwater up`".to_owned(),
            (None, Some(host)) => format!(
                "Kafka and Postgres are in private subnets; run this on the stack's host, which has this command: {}",
                host.connect
            ),
            (None, None) => "Kafka and Postgres are in private subnets: run this on a machine in that network, or let Terraform \
                             create one (`host = { enabled = true }`). For a database behind a tunnel, set HEADWATER_DATABASE_URL"
                .to_owned(),
        };
        failure(format!("cannot reach {what}"), fix)
    }

    /// Address of the live board's page. It ends with a slash, because the page loads its files by relative names.
    pub(crate) fn board(&self) -> anyhow::Result<String> {
        Ok(format!("{}/", self.url("live-board")?))
    }

    /// The HTTP address of a function, by the name of its folder. Fails if the function has none.
    pub(crate) fn url(&self, function: &str) -> anyhow::Result<&str> {
        let url = self.outputs.urls.get(function).map(String::as_str);
        url.ok_or_else(|| failure(format!("this stack has no address of {function}"), self.remedy()))
    }

    /// The name of a function in this environment, by the name of its folder. An unknown name is returned unchanged.
    pub(crate) fn deployed_name(&self, function: &str) -> String {
        self.outputs.functions.get(function).cloned().unwrap_or_else(|| function.to_owned())
    }

    /// The folder of a function, by its deployed name. An unknown name is returned unchanged.
    pub(crate) fn folder_of(&self, name: &str) -> String {
        let folder = self.outputs.functions.iter().find(|(_, deployed)| *deployed == name);
        folder.map_or_else(|| name.to_owned(), |(folder, _)| folder.clone())
    }

    /// The variables that `headwater env` prints, in that order. For a stack in AWS they contain no credentials: the
    /// shell has its own. Variables of parts that the stack does not have are left out.
    pub(crate) fn variables(&self) -> anyhow::Result<Vec<(&'static str, String)>> {
        let outputs = &self.outputs;
        let mut variables = if let Some(local) = &self.local {
            aws_variables(&local.endpoint, &local.region)
        } else {
            let region = self.sdk.region().map(ToString::to_string);
            let names = ["AWS_REGION", "AWS_DEFAULT_REGION"];
            names.into_iter().filter_map(|name| Some((name, region.clone()?))).collect()
        };
        let database = match (&self.local, &outputs.database_reader) {
            (Some(local), _) => Some(local.database_url.clone()),
            (None, reader) => reader.as_ref().map(|reader| reader.url.clone()),
        };
        variables.push(("KAFKA_BOOTSTRAP_SERVERS", self.cluster()?.cluster.to_string()));
        variables.extend(database.map(|url| ("DATABASE_URL", url)));
        variables.push(("HEADWATER_LAKE", outputs.lake_root.clone()));
        variables.push(("HEADWATER_PARKED", outputs.parked_root.clone()));
        let buckets = [
            ("HEADWATER_MEDIA_BUCKET", &outputs.media_bucket),
            ("HEADWATER_INBOX_BUCKET", &outputs.inbox_bucket),
        ];
        variables.extend(buckets.into_iter().filter_map(|(name, bucket)| Some((name, bucket.clone()?))));
        if let Some(forecast) = &outputs.forecast {
            let ForecastOutput { raw_bucket, raw_prefix, table, .. } = forecast;
            variables.push(("HEADWATER_FORECAST_RAW", format!("s3://{raw_bucket}/{raw_prefix}")));
            variables.push(("HEADWATER_FORECAST_TABLE", format!("{}/{table}", outputs.lake_root)));
            variables.extend(self.local.iter().map(|local| ("HEADWATER_FORECAST_URL", local.forecast_url())));
        }
        if let Ok(gateway) = self.url("telemetry-gateway") {
            variables.push(("HEADWATER_GATEWAY_URL", gateway.to_owned()));
        }
        if let Ok(board) = self.board() {
            variables.push(("HEADWATER_BOARD_URL", board));
        }
        Ok(variables)
    }
}

/// Fails if this shell has no AWS credentials. Without this check, each request would be retried until its timeout.
async fn require_credentials(sdk: &SdkConfig) -> anyhow::Result<()> {
    let missing = |reason: &str| {
        let fix = "choose a profile (export AWS_PROFILE=…) and sign in (aws sso login, or aws configure)";
        Err(failure(format!("this shell has no AWS credentials: {reason}"), fix))
    };
    let Some(provider) = sdk.credentials_provider() else { return missing("none are configured") };
    match provider.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(error) => missing(&faults::chain(&error)),
    }
}

/// The error of a verb that works on the local stack only.
pub(crate) fn local_only(verb: &str) -> anyhow::Error {
    failure(
        format!("`headwater {verb}` is for the local stack, and --stack (or HEADWATER_STACK) names another"),
        "leave --stack out (`env -u HEADWATER_STACK headwater …`)",
    )
}

/// The value of an output, or the error of a missing one.
fn said<'a>(name: &str, output: Option<&'a String>) -> anyhow::Result<&'a str> {
    output.map(String::as_str).ok_or_else(|| incomplete(name))
}

/// The error of a stack file that lacks an output, for example because an older version of Terraform's files wrote it.
fn incomplete(name: &str) -> anyhow::Error {
    failure(
        format!("the stack file has no output `{name}`"),
        "write it again from the environment that was applied: terraform output -json > stack.json",
    )
}
