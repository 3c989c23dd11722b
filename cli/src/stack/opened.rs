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

/// How long Postgres may take to let a command in.
const PATIENCE: Duration = Duration::from_secs(10);

/// Replaces the stack file's database URL: for a user who may write, or for a connection through a tunnel.
const DATABASE_URL: &str = "HEADWATER_DATABASE_URL";

/// Something deployed, and the way to its parts.
#[derive(Debug)]
pub(crate) struct Stack {
    outputs: Outputs,
    sdk: SdkConfig,
    local: Option<LocalStack>,
}

impl Stack {
    /// Opens the stack that the file of `--stack` describes. Without `--stack`, opens the local stack of the data folder.
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

    /// A local stack that came up whole.
    pub(crate) async fn of_local(local: LocalStack) -> anyhow::Result<Self> {
        Ok(Self { outputs: local.outputs()?.clone(), sdk: aws::config(&local).await, local: Some(local) })
    }

    /// What Terraform made.
    pub(crate) fn outputs(&self) -> &Outputs {
        &self.outputs
    }

    /// How AWS is called.
    pub(crate) fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// The record of the local stack; none of one that a stack file describes.
    pub(crate) fn local(&self) -> Option<&LocalStack> {
        self.local.as_ref()
    }

    /// What brings a missing part of this stack back.
    pub(crate) fn remedy(&self) -> &'static str {
        if self.local.is_some() {
            "run `headwater up`"
        } else {
            "deploy it (`scripts/deploy`), and write the stack file again with `terraform output -json`"
        }
    }

    /// The deployed pipelines.
    pub(crate) fn pipelines(&self) -> anyhow::Result<Pipelines> {
        if let Some(local) = &self.local {
            return Ok(Pipelines::from_folder(&local.pipelines)?);
        }
        Pipelines::from_json(said("pipelines", self.outputs.pipelines.as_ref())?)
            .context("the stack file's `pipelines` are not valid")
    }

    /// The root of the Delta tables.
    pub(crate) fn lake(&self) -> anyhow::Result<S3Location> {
        let root = &self.outputs.lake_root;
        root.parse().with_context(|| format!("{root} is not an address on S3"))
    }

    /// A client of S3.
    pub(crate) fn objects(&self) -> s3::Client {
        s3::client(&self.sdk)
    }

    /// Kafka, and how it lets us in.
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

    /// The database: the local stack's owner, or the user of the stack file, who only reads. `HEADWATER_DATABASE_URL` names another.
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

    /// A connection to the database.
    pub(crate) async fn postgres(&self) -> anyhow::Result<Session> {
        let settings = self.database()?;
        let connecting = tokio::time::timeout(PATIENCE, Box::pin(warehouse::connect(&settings)));
        match connecting.await {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(error)) => Err(self.out_of_reach(&format!("Postgres: {}", faults::chain(&error)))),
            Err(_) => Err(self.out_of_reach(&format!("Postgres at {}: no answer", settings.address()))),
        }
    }

    /// The error of a part in a private network that does not answer, with the place from where it does.
    pub(crate) fn out_of_reach(&self, what: &str) -> anyhow::Error {
        let fix = match (&self.local, &self.outputs.host) {
            (Some(_), _) => "run `headwater up`".to_owned(),
            (None, Some(host)) => format!(
                "Kafka and Postgres are in private subnets; the host reaches them, and has this command: {}",
                host.connect
            ),
            (None, None) => "Kafka and Postgres are in private subnets: run this on a machine of that network, or let Terraform \
                             make one (`host = { enabled = true }`); HEADWATER_DATABASE_URL names a database behind a tunnel"
                .to_owned(),
        };
        failure(format!("cannot reach {what}"), fix)
    }

    /// The page's address. Its files are beside it, so it ends with a slash.
    pub(crate) fn board(&self) -> anyhow::Result<String> {
        Ok(format!("{}/", self.url("live-board")?))
    }

    /// Where a function answers HTTP, by its folder's name.
    pub(crate) fn url(&self, function: &str) -> anyhow::Result<&str> {
        let url = self.outputs.urls.get(function).map(String::as_str);
        url.ok_or_else(|| failure(format!("this stack has no address of {function}"), self.remedy()))
    }

    /// Where somebody looks for what a function did.
    pub(crate) fn deployed_name(&self, function: &str) -> String {
        self.outputs.functions.get(function).cloned().unwrap_or_else(|| function.to_owned())
    }

    /// The folder of a function, by the name that it is deployed under.
    pub(crate) fn folder_of(&self, name: &str) -> String {
        let folder = self.outputs.functions.iter().find(|(_, deployed)| *deployed == name);
        folder.map_or_else(|| name.to_owned(), |(folder, _)| folder.clone())
    }

    /// The variables of `headwater env`, in its order. Those of an account hold no credentials: the shell has its own.
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

/// Without credentials each request would be tried again until its time is over.
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

/// The error of a verb that works on this machine only.
pub(crate) fn local_only(verb: &str) -> anyhow::Error {
    failure(
        format!("`headwater {verb}` is for the local stack, and --stack (or HEADWATER_STACK) names another"),
        "leave --stack out (`env -u HEADWATER_STACK headwater …`)",
    )
}

fn said<'a>(name: &str, output: Option<&'a String>) -> anyhow::Result<&'a str> {
    output.map(String::as_str).ok_or_else(|| incomplete(name))
}

fn incomplete(name: &str) -> anyhow::Error {
    failure(
        format!("the stack file has no output `{name}`"),
        "write it again from the environment that was applied: terraform output -json > stack.json",
    )
}
