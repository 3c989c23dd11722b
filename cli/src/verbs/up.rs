//! `headwater up`: starts the local stack, deploys the functions to it, and returns when all parts are healthy.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::{
    failure::failure,
    out,
    progress::Step,
    stack::{
        applied::Applied,
        artifacts, aws, bridge,
        emulator::{self, Emulator},
        forecast_api, http, kafka,
        layout::Layout,
        lock,
        opened::Stack,
        ports, postgres,
        process::Part,
        queues,
        record::{LocalStack, REGION},
        requirements, schema, terraform,
    },
    verbs::pipeline,
};

/// Arguments of `headwater up`.
#[derive(Debug, Args)]
#[command(after_help = "\
Use it to try Headwater or a pipeline file on this machine, and again after each change. Starts an AWS emulator, Kafka,
Postgres, a stub of the weather source and the bridge, builds the functions, migrates the tables and applies Terraform.
If you run it again, it keeps running parts, starts missing ones, and deploys only what has changed.

Examples:
  headwater up
  headwater up --live                             with enabled schedules
  headwater up --data-dir ../try --free-ports     a second stack beside the first one
  headwater up --data-dir ../try --emulator-port 14566 --kafka-port 19092 --postgres-port 15432
  headwater up --emulator localstack              on LocalStack (in a container if Docker runs)
  headwater up --endpoint http://127.0.0.1:4566   use an emulator that is already running")]
pub(crate) struct Up {
    /// Enable the schedules of the functions; without it, an earlier --live is undone
    #[arg(long)]
    live: bool,
    /// Deploy the zips of the last build instead of building the functions
    #[arg(long)]
    no_build: bool,
    /// AWS emulator to start; a stack cannot change its emulator later [default: ministack]
    #[arg(long, value_enum, value_name = "NAME", env = "HEADWATER_EMULATOR")]
    emulator: Option<Emulator>,
    /// Use the AWS emulator at this address instead of starting one
    #[arg(long, value_name = "URL", env = "HEADWATER_ENDPOINT")]
    endpoint: Option<String>,
    /// Port of the AWS emulator [default: 4566]
    #[arg(long, value_name = "PORT", env = "HEADWATER_EMULATOR_PORT")]
    emulator_port: Option<u16>,
    /// Port of Kafka [default: 9092]
    #[arg(long, value_name = "PORT", env = "HEADWATER_KAFKA_PORT")]
    kafka_port: Option<u16>,
    /// Port of Postgres [default: 5432]
    #[arg(long, value_name = "PORT", env = "HEADWATER_POSTGRES_PORT")]
    postgres_port: Option<u16>,
    /// Port of the stub of the weather source [default: 8072]
    #[arg(long, value_name = "PORT", env = "HEADWATER_FORECAST_PORT")]
    forecast_port: Option<u16>,
    /// Port of the bridge, for the functions' URLs and for Lambda's Invoke API [default: 4567]
    #[arg(long, value_name = "PORT", env = "HEADWATER_FUNCTIONS_PORT")]
    functions_port: Option<u16>,
    /// Choose free ports instead of the defaults, for a second stack on this machine
    #[arg(long)]
    free_ports: bool,
    /// Folder with the pipeline files [default: pipelines in the checkout]
    #[arg(long, value_name = "DIR", env = "HEADWATER_PIPELINES_DIR")]
    pipelines: Option<PathBuf>,
}

/// Starts the parts, builds and deploys the functions, and returns when everything works. Waits for another `up` or
/// `down` of the same stack.
///
/// # Errors
/// - A required program or free disk space is missing, or a port is in use.
/// - A pipeline file is not valid, or the tables cannot follow a change of one.
/// - A part does not start, or the build or Terraform fails. An earlier deployment then continues to run.
pub(crate) async fn run(layout: &Layout, args: &Up) -> anyhow::Result<()> {
    layout.require_space()?;
    layout.create()?;
    let _lock = lock::take(layout)?;
    let mut stack = settle(layout, args)?;
    requirements::all(layout, !args.no_build, (!stack.foreign_emulator).then_some(stack.emulator))?;
    emulator::refuse_what_is_lost(layout, &stack)?;
    pipeline::check_folder(&stack.pipelines)?;
    // Other verbs read the folder of the pipeline files from the record. It stays the old one until the deployment.
    let running =
        stack.outputs.is_some().then(|| LocalStack::load(layout)).transpose()?.map(|before| before.pipelines);
    let note = |stack: &LocalStack| {
        let pipelines = running.clone().unwrap_or_else(|| stack.pipelines.clone());
        LocalStack { pipelines, ..stack.clone() }.save(layout)
    };
    note(&stack)?;

    require_ports(layout, &stack)?;

    // The parts are started before the build, so that they are ready when it ends.
    if !stack.foreign_emulator && emulator::part(layout).running().is_none() {
        emulator::start(layout, &stack)?;
    }
    if kafka::part(layout).running().is_none() {
        kafka::start(layout, &mut stack)?;
    }
    if postgres::part(layout).running().is_none() {
        postgres::start(layout, &stack)?;
    }
    if forecast_api::part(layout).running().is_none() {
        forecast_api::start(layout, &stack)?;
    }
    note(&stack)?;

    let step = Step::begin("functions", "building");
    let changed = artifacts::prepare(layout, !args.no_build, &step)?;
    step.done(if changed == 0 { "unchanged".to_owned() } else { format!("{changed} built") });

    wait_for_parts(layout, &stack).await?;
    let deployed = async {
        change_schema(&stack).await?;
        deploy(layout, &mut stack).await?;
        finish(layout, &stack).await
    };
    match deployed.await {
        Err(error) => {
            keep_lanes_running(layout, &stack).await;
            Err(error)
        }
        done => done,
    }
}

/// Migrates the tables to the schema of the pipeline files, before anything is deployed. The functions that are still
/// deployed continue to work with every change that is made.
///
/// # Errors
/// A table cannot follow a change without loss. Then nothing has been changed.
async fn change_schema(stack: &LocalStack) -> anyhow::Result<()> {
    let step = Step::begin("schema", "comparing the pipeline files with the tables");
    let report = schema::bring_up_to_date(stack).await?;
    step.done(match report.changes.as_slice() {
        [] => "unchanged".to_owned(),
        changes => changes.join(", "),
    });
    for left in &report.left {
        out::note(format!("{left} is in no pipeline file; it is kept"));
    }
    Ok(())
}

/// Starts the bridge again after a failed deployment, so that the functions of the deployment before continue to run.
/// Does nothing if the bridge still runs, if nothing was deployed before, or if the emulator has lost the functions.
async fn keep_lanes_running(layout: &Layout, stack: &LocalStack) {
    if stack.outputs.is_none() || bridge::part(layout).running().is_some() || !aws::intact(stack).await {
        return;
    }
    match bridge::start(layout, stack).await {
        Ok(()) => out::note("the functions of the earlier deployment continue to run"),
        Err(error) => out::note(format!("the bridge does not start either: {error:#}")),
    }
}

/// Decides the settings of the stack: from the arguments, else from the record of the last `up`, else the defaults.
/// With `--free-ports`, port arguments are ignored, and parts without an earlier port get a free one.
///
/// # Errors
/// - A part is already running on another port than the wanted one.
/// - The stack began with another emulator, or `--endpoint` is not an HTTP address.
fn settle(layout: &Layout, args: &Up) -> anyhow::Result<LocalStack> {
    let before = LocalStack::load_if_any(layout)?;
    let emulator = Emulator::settle(args.emulator, before.as_ref())?;
    let before = before.unwrap_or_default();
    let port = |asked: Option<u16>, was: u16, default: u16, part: &Part| -> anyhow::Result<u16> {
        let wanted = match asked.filter(|_| !args.free_ports) {
            Some(port) => port,
            None if was != 0 => was,
            None if args.free_ports => ports::any_free()?,
            None => default,
        };
        match part.running() {
            // A recorded port of 0 means that an older version started the part without one.
            Some(record) if record.port != 0 && record.port != wanted => Err(failure(
                format!("{} is already running, on port {} instead of {wanted}", part.name, record.port),
                "run `headwater down` first",
            )),
            _ => Ok(wanted),
        }
    };
    let emulator_port = port(args.emulator_port, before.emulator_port, 4566, &emulator::part(layout))?;
    let kafka_port = port(args.kafka_port, before.kafka_port, 9092, &kafka::part(layout))?;
    let postgres_port = port(args.postgres_port, before.postgres_port, 5432, &postgres::part(layout))?;
    let forecast_port = port(args.forecast_port, before.forecast_port, 8072, &forecast_api::part(layout))?;
    let functions_port = port(args.functions_port, before.functions_port, 4567, &bridge::part(layout))?;
    let foreign = args.endpoint.clone().map(|url| url.trim_end_matches('/').to_owned());
    if let Some(url) = &foreign {
        http::authority(url)?;
    }
    Ok(LocalStack {
        emulator,
        foreign_emulator: foreign.is_some(),
        endpoint: foreign.unwrap_or_else(|| format!("http://127.0.0.1:{emulator_port}")),
        region: REGION.to_owned(),
        emulator_port,
        kafka_port,
        postgres_port,
        forecast_port,
        functions_port,
        database_url: postgres::url(postgres_port),
        live: args.live,
        pipelines: match &args.pipelines {
            Some(dir) => std::path::absolute(dir).context("the working directory does not exist any more")?,
            None => layout.checkout.join("pipelines"),
        },
        ..before
    })
}

/// Fails if a part that must be started finds its port in use. All ports are checked before anything is started.
fn require_ports(layout: &Layout, stack: &LocalStack) -> anyhow::Result<()> {
    let parts = [
        (emulator::part(layout), "the emulator", stack.emulator_port, "--emulator-port"),
        (kafka::part(layout), "Kafka", stack.kafka_port, "--kafka-port"),
        (postgres::part(layout), "Postgres", stack.postgres_port, "--postgres-port"),
        (forecast_api::part(layout), "the weather stub", stack.forecast_port, "--forecast-port"),
        (bridge::part(layout), "the bridge", stack.functions_port, "--functions-port"),
    ];
    for (part, name, port, flag) in parts {
        let ours = part.running().is_some() || (part.name == "emulator" && stack.foreign_emulator);
        if !ours {
            ports::require_free(port, name, flag)?;
        }
    }
    Ok(())
}

/// Waits until the emulator, Kafka, Postgres and the weather stub answer. Fails if one has ended or takes too long.
async fn wait_for_parts(layout: &Layout, stack: &LocalStack) -> anyhow::Result<()> {
    let step = Step::begin("emulator", "waiting until it answers");
    let version = emulator::wait_ready(layout, stack).await?;
    step.done(format!("{version} at {}", stack.endpoint));
    let step = Step::begin("kafka", "waiting until it answers");
    kafka::wait_ready(layout, stack).await?;
    step.done(format!("at {}", stack.kafka()));
    let step = Step::begin("postgres", "waiting until it answers");
    postgres::wait_ready(layout, stack).await?;
    step.done(format!("on port {}", stack.postgres_port));
    forecast_api::wait_ready(layout, stack).await?;
    Ok(())
}

/// Applies Terraform and saves its outputs in the record. Does nothing if the last apply had the same inputs and the
/// emulator still has its functions.
///
/// # Errors
/// Terraform fails, or the emulator has ended meanwhile.
async fn deploy(layout: &Layout, stack: &mut LocalStack) -> anyhow::Result<()> {
    let step = Step::begin("terraform", "comparing");
    let fingerprint = terraform::fingerprint(layout, stack)?;
    let holder = if stack.foreign_emulator {
        stack.endpoint.clone()
    } else {
        emulator::part(layout).running().context("the emulator ended meanwhile")?.started
    };
    if Applied::stands(layout, &fingerprint, &holder) && aws::intact(stack).await {
        stack.save(layout)?;
        // The emulator may be a new process that has restored the state. From now on, this process holds it.
        Applied::note(layout, &fingerprint, &holder)?;
        step.done("unchanged");
        return Ok(());
    }
    queues::make_dead_letter_queues(stack).await?;
    stack.outputs = Some(terraform::apply(layout, stack, &step)?);
    // In a stack of an older version, these queues were in Terraform's state, so this apply has deleted them.
    queues::make_dead_letter_queues(stack).await?;
    stack.save(layout)?;
    Applied::note(layout, &fingerprint, &holder)?;
    step.done("applied");
    Ok(())
}

/// Creates topics, starts the bridge and invokes schema-migrator: the steps after the deployment.
///
/// # Errors
/// A topic cannot be created, the bridge does not start, or schema-migrator fails.
async fn finish(layout: &Layout, stack: &LocalStack) -> anyhow::Result<()> {
    let outputs = stack.outputs()?;
    let step = Step::begin("topics", "creating");
    let created = kafka::create_topics(&stack.kafka(), &outputs.topics).await?;
    step.done(format!("{} exist, {created} of them new", outputs.topics.len()));

    let step = Step::begin("bridge", "starting");
    bridge::start(layout, stack).await?;
    let mappings = outputs.event_source_mappings.len() + outputs.queue_mappings.len();
    step.done(format!("{mappings} mappings; functions at {}", stack.functions_endpoint()));

    // The tables were migrated before the deployment. This run shows that the deployed function works, too.
    let step = Step::begin("tables", "checking with schema-migrator");
    let opened = Stack::of_local(stack.clone()).await?;
    let answer =
        opened.invoke("schema-migrator", b"{}".to_vec()).await.context("cannot migrate the tables")?;
    let tables = answer["tables"].as_array().map_or(0, Vec::len);
    step.done(format!("{tables} are up to date"));

    out::note(
        "the stack is up; `headwater status` shows its state; for other tools, run `eval \"$(headwater env)\"`",
    );
    out::note(format!("live board: {}", opened.board()?));
    Ok(())
}
