//! A Postgres server for one test. It uses the binaries of the stack's server and runs as the same user.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, NoTls};

use crate::parts::{Parts, variable};

/// A server. Dropping it stops the server and deletes its data.
pub struct OwnPostgres {
    /// Folder with `initdb`, `pg_basebackup` and `postgres`.
    binaries: PathBuf,
    /// User and group of the server, if they are not those of the test: Postgres refuses to run as root.
    owner: Option<(u32, u32)>,
    /// Contains the folder `data` and the files that [`Self::file`] writes.
    home: TempDir,
    port: u16,
    process: Option<Child>,
}

impl OwnPostgres {
    /// Creates a cluster with the superuser `postgres`, which needs no password. Does not start the server.
    pub async fn make() -> Self {
        let this = Self::empty().await;
        let made =
            this.command("initdb").args(["-D", &this.data(), "-U", "postgres", "-A", "trust"]).output();
        let made = made.unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        this
    }

    /// Creates a standby of `primary`, which must be running. Does not start the standby.
    pub async fn standby_of(primary: &Self) -> Self {
        let this = Self::empty().await;
        let copied = this
            .command("pg_basebackup")
            .args(["-D", &this.data(), "-R", "-c", "fast", "-X", "stream", "-d", &primary.url("postgres")])
            .output()
            .unwrap();
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        this
    }

    /// Finds the binaries and the user of the stack's server, chooses a free port and creates an empty data folder.
    async fn empty() -> Self {
        let (stack, connection) = tokio_postgres::connect(&variable("DATABASE_URL"), NoTls).await.unwrap();
        tokio::spawn(connection);
        let row = stack
            .query_one(
                "SELECT (SELECT setting FROM pg_config WHERE name = 'BINDIR'), current_setting('data_directory')",
                &[],
            )
            .await
            .unwrap();
        let (binaries, data): (String, String) = (row.get(0), row.get(1));
        let stack = fs::metadata(data).unwrap();
        let home = TempDir::new().unwrap();
        let me = fs::metadata(home.path()).unwrap().uid();
        let owner = (stack.uid() != me).then_some((stack.uid(), stack.gid()));
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let this = Self { binaries: binaries.into(), owner, home, port, process: None };
        let data = this.home.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
        this.give(&data);
        this
    }

    /// Makes the server's user the owner of a file or folder.
    fn give(&self, path: &Path) {
        if let Some((user, group)) = self.owner {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }

    /// A command of the Postgres installation that runs as the server's user.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.binaries.join(name));
        command.current_dir(self.home.path()).stdin(Stdio::null());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    /// The path of the data folder, as an argument for Postgres's programs.
    fn data(&self) -> String {
        self.home.path().join("data").display().to_string()
    }

    /// Writes a file next to the data folder and returns its path. Only the server's user may read the file.
    #[must_use]
    pub fn file(&self, name: &str, content: &str) -> String {
        let path = self.home.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        self.give(&path);
        path.display().to_string()
    }

    /// Replaces `pg_hba.conf`, the rules for logins. The server reads it at its next start or `pg_reload_conf()`.
    pub fn rules(&self, lines: &str) {
        fs::write(self.home.path().join("data/pg_hba.conf"), lines).unwrap();
    }

    /// Starts the server with further settings (`name=value`), and waits until it accepts connections. Panics after 30
    /// s.
    pub async fn start(&mut self, settings: &[&str]) {
        let port = format!("port={}", self.port);
        let usual = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", &port];
        let mut command = self.command("postgres");
        command.args(["-D", &self.data()]).stdout(Stdio::null()).stderr(Stdio::null());
        for setting in usual.iter().chain(settings) {
            command.args(["-c", setting]);
        }
        self.process = Some(command.spawn().unwrap());
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.try_connect("postgres").await.is_none() {
            assert!(Instant::now() < deadline, "Postgres does not start");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Connects without TLS. `None` if the server does not accept the connection.
    async fn try_connect(&self, database: &str) -> Option<Client> {
        let url = format!("{}?sslmode=disable", self.url(database));
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.ok()?;
        tokio::spawn(connection);
        Some(client)
    }

    /// Connects without TLS. Panics if that fails.
    pub async fn connect(&self, database: &str) -> Client {
        self.try_connect(database).await.unwrap()
    }

    /// Host and port.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The URL of a database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@{}/{database}", self.address())
    }

    /// Returns a copy of `parts` with this server in place of the stack's. schema-migrator has created the tables in
    /// it.
    pub async fn with_tables(&self, parts: &Parts, pipelines: &[String]) -> Parts {
        let mut parts = parts.clone();
        parts.database_url = self.url("postgres");
        let mut migrator = crate::Function::start("schema-migrator", &parts, pipelines).await;
        let _tables = migrator.invoke(b"{}").await.answer();
        parts
    }

    /// Stops the server without a checkpoint, as in a crash. Does nothing if the server is not running.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let id = i32::try_from(process.id()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
            // SIGQUIT is Postgres's immediate shutdown. It also ends the child processes, unlike a SIGKILL of the
            // parent.
            let _ = rustix::process::kill_process(id, rustix::process::Signal::QUIT);
            let _ = process.wait();
        }
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        self.stop();
    }
}
