//! A TCP proxy that acts at a chosen request: before the request reaches the server, or after the server has carried it
//! out but before the client gets the answer.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Host and port of a URL.
#[must_use]
pub fn authority(url: &str) -> String {
    let rest = url.split_once("://").unwrap().1.split('/').next().unwrap();
    rest.rsplit('@').next().unwrap().to_owned()
}

/// When the proxy acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The request never reaches the server.
    Before,
    /// The server carries out the request and answers, but the client never gets the answer.
    After,
    /// The request waits until [`Proxy::release`], and is then sent to the server.
    Hold,
}

/// A proxy in front of one server.
pub struct Proxy {
    /// Address that the proxy listens on: `127.0.0.1:port`.
    pub address: String,
    /// Whether the next matching request triggers the proxy.
    armed: Arc<AtomicBool>,
    /// How often the proxy was triggered.
    struck: Arc<AtomicUsize>,
    /// Whether a held request may continue.
    released: watch::Sender<bool>,
    /// Server of new connections: `host:port`.
    target: Arc<Mutex<String>>,
}

/// What all connections of a proxy share: the condition that triggers it, and what happens then.
struct Trap {
    patterns: Vec<&'static str>,
    moment: Moment,
    act: Box<dyn Fn() + Send + Sync>,
    armed: Arc<AtomicBool>,
    struck: Arc<AtomicUsize>,
    released: watch::Receiver<bool>,
}

impl Proxy {
    /// Starts a proxy to `server` (`host:port`). When a request contains all `patterns`, the proxy calls `act` and
    /// closes the connection (with [`Moment::Hold`], it keeps the connection and holds the request). This happens only
    /// after [`Proxy::arm`], and once per call of it.
    pub async fn start(
        server: &str,
        patterns: &[&'static str],
        moment: Moment,
        act: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (armed, struck) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (released, waits) = watch::channel(false);
        let trap = Arc::new(Trap {
            patterns: patterns.to_vec(),
            moment,
            act: Box::new(act),
            armed: Arc::clone(&armed),
            struck: Arc::clone(&struck),
            released: waits,
        });
        let target = Arc::new(Mutex::new(server.to_owned()));
        let current = Arc::clone(&target);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, trap) = (current.lock().unwrap().clone(), Arc::clone(&trap));
                // Errors are ignored: broken connections are the purpose of this proxy.
                tokio::spawn(async move { relay(client, &server, &trap).await.ok() });
            }
        });
        Self { address, armed, struck, released, target }
    }

    /// Makes the proxy act at the next matching request.
    pub fn arm(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    /// Lets a held request continue. Later requests are not held any more.
    pub fn release(&self) {
        self.released.send_replace(true);
    }

    /// Directs new connections to another server, like a changed DNS name. Existing connections stay.
    pub fn lead_to(&self, server: &str) {
        server.clone_into(&mut self.target.lock().unwrap());
    }

    /// Waits until the proxy has acted. Panics after 20 s.
    pub async fn has_struck(&self) {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        while self.struck() == 0 {
            assert!(tokio::time::Instant::now() < deadline, "the proxy never saw the request");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// How often the proxy has acted.
    #[must_use]
    pub fn struck(&self) -> usize {
        self.struck.load(Ordering::SeqCst)
    }
}

impl Trap {
    /// Whether these bytes contain all patterns and the proxy is armed. If so, disarms the proxy.
    fn springs(&self, sent: &[u8]) -> bool {
        let holds = |pattern: &&str| sent.windows(pattern.len()).any(|window| window == pattern.as_bytes());
        self.patterns.iter().all(holds) && self.armed.swap(false, Ordering::SeqCst)
    }

    /// Counts the event and calls `act`.
    fn strike(&self) {
        self.struck.fetch_add(1, Ordering::SeqCst);
        (self.act)();
    }
}

/// Copies bytes in both directions until one side closes the connection or the trap does.
async fn relay(mut client: TcpStream, server: &str, trap: &Trap) -> std::io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    let (mut up, mut down) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    // Bytes that the client has sent since the server's last answer: one request, or several in a pipeline.
    let mut sent = Vec::new();
    loop {
        tokio::select! {
            count = client.read(&mut up) => {
                let count = count?;
                if count == 0 {
                    return Ok(());
                }
                sent.extend_from_slice(&up[..count]);
                if trap.springs(&sent) {
                    if trap.moment == Moment::After {
                        server.write_all(&up[..count]).await?;
                        answered(&mut server, &mut down).await?;
                    }
                    trap.strike();
                    if trap.moment != Moment::Hold {
                        return Ok(());
                    }
                    // An error means that the test has ended without a release.
                    let _ = trap.released.clone().wait_for(|released| *released).await;
                }
                server.write_all(&up[..count]).await?;
            }
            count = server.read(&mut down) => {
                let count = count?;
                if count == 0 {
                    return Ok(());
                }
                sent.clear();
                client.write_all(&down[..count]).await?;
            }
        }
    }
}

/// Reads the server's whole answer: the first bytes, and all that follow until it is silent for 200 ms.
async fn answered(server: &mut TcpStream, buffer: &mut [u8]) -> std::io::Result<()> {
    if server.read(buffer).await? == 0 {
        return Ok(());
    }
    let quiet = std::time::Duration::from_millis(200);
    while let Ok(Ok(1..)) = tokio::time::timeout(quiet, server.read(buffer)).await {}
    Ok(())
}
