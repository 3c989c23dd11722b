//! Runs the local stack's broker (one Kafka in KRaft mode) and creates its topics.

use std::{ffi::OsString, fs, path::PathBuf, process::Command, time::Duration};

use anyhow::Context as _;
use kafka::LagReader;
use krafka::{
    Kafka,
    admin::{AdminClient, ListConsumerGroupOffsetsOptions, NewTopic},
};
use tokio::time::Instant;

use super::{
    layout::Layout,
    outputs::TopicOutput,
    ports,
    process::{Launch, Part},
    record::LocalStack,
    requirements, tools,
};
use crate::failure::failure;

/// Cluster id for `StorageTool format`: any 16 bytes in Base64. It is fixed, so that formatting the same folder twice
/// gives the same result.
const CLUSTER_ID: &str = "aGVhZHdhdGVyLWxvY2FsMQ";
/// How long a start may take. After a kill, the broker reads every open segment first.
const PATIENCE: Duration = Duration::from_mins(1);

/// The broker of a stack.
pub(crate) fn part(layout: &Layout) -> Part {
    Part::new(layout, "kafka")
}

/// Writes the settings, formats the storage once, and starts the broker. [`wait_ready`] waits until it answers.
///
/// Sets `kafka_controller_port` to a free port if it is 0 or taken. Kafka is fetched with Maven if it is not installed.
pub(crate) fn start(layout: &Layout, stack: &mut LocalStack) -> anyhow::Result<()> {
    let java = requirements::java()?;
    let jars = tools::kafka(layout)?;
    let home = layout.data.join("kafka");
    let storage = home.join("data");
    fs::create_dir_all(&storage).with_context(|| format!("cannot create {}", storage.display()))?;
    if stack.kafka_controller_port == 0 || !ports::is_free(stack.kafka_controller_port) {
        stack.kafka_controller_port = ports::any_free()?;
    }
    let template = layout.checkout.join("localstack/kafka/server.properties");
    let settings = fs::read_to_string(&template)
        .with_context(|| format!("cannot read {}", template.display()))?
        .replace("@broker_port@", &stack.kafka_port.to_string())
        .replace("@controller_port@", &stack.kafka_controller_port.to_string())
        .replace("@log_dir@", &storage.display().to_string());
    let file = home.join("server.properties");
    fs::write(&file, settings).with_context(|| format!("cannot write {}", file.display()))?;
    let logging = format!(
        "-Dlog4j2.configurationFile={}",
        layout.checkout.join("localstack/kafka/log4j2.properties").display()
    );

    if !storage.join("meta.properties").exists() {
        requirements::run_quietly(
            Command::new(&java)
                .args(["-Xmx128m", "-XX:TieredStopAtLevel=1", &logging, "-cp", &jars.class_path])
                .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "--ignore-formatted", "-c"])
                .arg(&file),
            "formatting Kafka's storage",
            format!("check that you may write {}", storage.display()).as_str(),
        )?;
    }
    let mut args: Vec<OsString> =
        ["-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"].map(OsString::from).to_vec();
    args.push(format!("-XX:ErrorFile={}/kafka-crash.log", layout.logs().display()).into());
    // Class data sharing shortens the start from 3 s to 1.2 s. The first run writes the archive when it ends cleanly.
    let archive = archive(&jars.folder, &java);
    if archive.exists() {
        args.push(format!("-XX:SharedArchiveFile={}", archive.display()).into());
    } else {
        args.push(format!("-XX:ArchiveClassesAtExit={}", home.join("classes.jsa").display()).into());
    }
    args.extend([
        logging.into(),
        "-cp".into(),
        jars.class_path.into(),
        "kafka.Kafka".into(),
        file.into_os_string(),
    ]);
    part(layout).start(&Launch {
        program: java,
        args,
        env: Vec::new(),
        clean_env: false,
        dir: home,
        user: None,
        port: stack.kafka_port,
        version: jars.version,
    })
}

/// Moves the class archive that the broker wrote at its clean end to the tools folder, for the later starts of all
/// stacks. If that fails, the archive is deleted: it only makes starts faster.
pub(crate) fn keep_archive(layout: &Layout) {
    let written = layout.data.join("kafka/classes.jsa");
    if let (true, Ok(java)) = (written.exists(), requirements::java()) {
        let target = archive(&layout.tools.join("kafka"), &java);
        // A rename fails if the two folders are on different file systems.
        if fs::rename(&written, &target).is_err() {
            let _ = fs::remove_file(&written);
        }
    }
}

/// The archive's file for one Java. A JVM rejects an archive that another version wrote.
fn archive(folder: &std::path::Path, java: &std::path::Path) -> PathBuf {
    let real = fs::canonicalize(java).unwrap_or_else(|_| java.to_path_buf());
    let name: String =
        real.display().to_string().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    folder.join(format!("classes{name}.jsa"))
}

/// Waits until the group coordinator answers. Metadata is available earlier, but consumers need the coordinator.
pub(crate) async fn wait_ready(layout: &Layout, stack: &LocalStack) -> anyhow::Result<()> {
    let kafka = stack.kafka();
    part(layout).wait_ready("Kafka", PATIENCE, async || answers(&kafka).await.then_some(())).await
}

/// Whether the broker and its group coordinator answer within 3 s.
pub(crate) async fn answers(bootstrap: &str) -> bool {
    let asked = async {
        let admin = admin(bootstrap).await?;
        admin
            .list_consumer_group_offsets("headwater-ready", ListConsumerGroupOffsetsOptions::default())
            .await?;
        anyhow::Ok(())
    };
    matches!(tokio::time::timeout(Duration::from_secs(3), asked).await, Ok(Ok(())))
}

/// Connects a client for administrative requests.
pub(crate) async fn admin(bootstrap: &str) -> anyhow::Result<AdminClient> {
    let kafka = Kafka::builder(bootstrap)
        .client_id("headwater")
        .connect_timeout(Duration::from_secs(2))
        .request_timeout(Duration::from_secs(10))
        .connect()
        .await
        .map_err(|error| {
            failure(format!("cannot reach Kafka at {bootstrap}: {error}"), "run `headwater up`")
        })?;
    Ok(kafka.admin())
}

/// Creates missing topics and adds missing partitions to existing ones. Returns the number of topics created, once
/// every partition has a leader that answers.
///
/// Partitions are never removed, because Kafka cannot do that. The retention of an existing topic is not changed here.
pub(crate) async fn create_topics(bootstrap: &str, topics: &[TopicOutput]) -> anyhow::Result<usize> {
    let admin = admin(bootstrap).await?;
    let existing = admin.list_topics(krafka::admin::ListTopicsOptions::default()).await?;
    let mut created = 0;
    for topic in topics {
        if existing.contains(&topic.name) {
            grow(&admin, topic).await?;
            continue;
        }
        let retention = topic.retention_hours.saturating_mul(3_600_000).to_string();
        let wanted = NewTopic::new(&topic.name, topic.partitions, 1)?.with_config("retention.ms", retention);
        for (name, result) in
            admin.create_topics([wanted], krafka::admin::CreateTopicsOptions::default()).await?
        {
            result.with_context(|| format!("cannot create topic {name}"))?;
            created += 1;
        }
    }
    let offsets = LagReader::connect(bootstrap, PATIENCE).await?;
    for topic in topics {
        offsets.settled(&topic.name, topic.partitions, Instant::now() + PATIENCE).await?;
    }
    Ok(created)
}

/// Adds partitions to an existing topic until it has as many as its pipeline file demands.
async fn grow(admin: &AdminClient, topic: &TopicOutput) -> anyhow::Result<()> {
    let name = topic.name.as_str();
    for (_, description) in
        admin.describe_topics([name], krafka::admin::DescribeTopicsOptions::default()).await?
    {
        let has = description?.partitions.len();
        if i32::try_from(has).is_ok_and(|has| has < topic.partitions) {
            let wanted = [(name, topic.partitions)];
            for (_, result) in
                admin.create_partitions(wanted, krafka::admin::CreatePartitionsOptions::default()).await?
            {
                result.with_context(|| format!("cannot add partitions to {name}"))?;
            }
        }
    }
    Ok(())
}
