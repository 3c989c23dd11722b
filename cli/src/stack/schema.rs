//! Migrates the local stack's tables to the schema of the pipeline files, before functions are deployed.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use anyhow::Context as _;
use function_kit::pipelines::PipelineSource;
use pipeline::{Pipeline, Pipelines};
use s3::S3Location;
use schema_migrator::{MigrateError, Migrator, Refusal, Report, Request, Settings};
use tokio::time::Instant;
use warehouse::{DatabaseAuth, DatabaseSettings};

use super::{aws, record::LocalStack};
use crate::failure::failure;

/// How long the migration may take. To widen a column, Postgres rewrites the whole table.
const PATIENCE: Duration = Duration::from_mins(10);

/// Migrates the Postgres and Delta tables.
///
/// Runs the library of schema-migrator in this process. The deployed function cannot be used: it is still the version
/// before this deployment.
///
/// # Errors
/// The tables cannot follow a change of the pipeline files without loss; the error lists every such field with a way
/// out. Or the database or the lake cannot be reached. In both cases nothing has been deployed.
pub(crate) async fn bring_up_to_date(stack: &LocalStack) -> anyhow::Result<Report> {
    let database = DatabaseSettings::new(&stack.database_url, DatabaseAuth::Url);
    let database =
        database.map_err(|problem| anyhow::anyhow!("the database's address is wrong: {problem}"))?;
    let client = s3::client(&aws::config(stack).await);
    let pipelines = PipelineSource::Inline(Pipelines::from_folder(&stack.pipelines)?);
    let lake_root = lake_root(stack, &client).await?;
    let settings = Settings { pipelines, database, users: Vec::new(), lake_root };
    let migrator = Migrator::with_client(client, settings);
    match migrator.run(Request::default(), Instant::now() + PATIENCE).await {
        Ok(report) => Ok(report),
        Err(MigrateError::Refused(refusals)) => Err(refused(&stack.pipelines, &refusals)),
        Err(error) => Err(error).context("cannot bring the tables up to date; nothing was deployed"),
    }
}

/// Root of the Delta tables. `None` before the first deployment, or if the bucket does not exist because an emulator
/// given with `--endpoint` has lost its state. The migration then skips the Delta tables.
async fn lake_root(stack: &LocalStack, client: &s3::Client) -> anyhow::Result<Option<S3Location>> {
    let Some(outputs) = &stack.outputs else { return Ok(None) };
    let root: S3Location = outputs
        .lake_root
        .parse()
        .with_context(|| format!("{} is not an address on S3", outputs.lake_root))?;
    match client.head_bucket().bucket(root.bucket()).send().await {
        Ok(_) => Ok(Some(root)),
        Err(error) if error.as_service_error().is_some_and(|error: &_| error.is_not_found()) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot find the bucket of {root}")),
    }
}

/// The error for refused changes: one line per field with the pipeline file, and a way out below it.
fn refused(folder: &Path, refusals: &[Refusal]) -> anyhow::Error {
    let files = files(folder);
    let file = |topic: &str| files.get(topic).cloned().unwrap_or_else(|| topic.to_owned());
    let lines = refusals.iter().map(|refusal| {
        let field = refusal.field.as_ref().map(|field| format!("field {field}: ")).unwrap_or_default();
        format!("{}: {field}{}\n    way out: {}", file(&refusal.topic), refusal.differs, refusal.way_out)
    });
    failure(
        format!("the tables cannot follow the pipeline files:\n  {}", lines.collect::<Vec<_>>().join("\n  ")),
        "change the files as described above, then run `headwater up` again; nothing was deployed, and the stack still runs as before",
    )
}

/// Paths of the pipeline files by topic. Files that cannot be parsed are left out.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let paths = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let files = paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files
        .filter_map(|path| Some((Pipeline::from_file(&path).ok()?.topic.name, path.display().to_string())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::describe;

    #[test]
    fn a_refusal_names_file_field_difference_and_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a-file.yaml");
        let yaml = "topic: { name: shop, partitions: 1 }\nfields: [{ name: sold, type: int32 }]\n\
                    lake: { consumer_group: shops, path: shop }\n";
        fs::write(&file, yaml).unwrap();
        let refusal = Refusal {
            topic: "shop".into(),
            field: Some("sold".into()),
            differs: "it is long in the table".into(),
            way_out: "name it anew".into(),
        };
        let said = describe(&refused(folder.path(), &[refusal]));
        for part in
            [file.to_str().unwrap(), "field sold", "it is long", "name it anew", "nothing was deployed"]
        {
            assert!(said.contains(part), "{said}");
        }
    }
}
