//! A TCP proxy that acts at a chosen request: before it reaches the server, or after it took effect and before the
//! answer is back.

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
    /// The server answered, the client never hears of it.
    After,
    /// The request waits until [`Proxy::release`], and then goes on as if nothing had happened.
    Hold,
}

/// A proxy in front of one server.
pub struct Proxy {
    /// Where it listens: `127.0.0.1:port`.
    pub address: String,
    armed: Arc<AtomicBool>,
    struck: Arc<AtomicUsize>,
    released: watch::Sender<bool>,
    target: Arc<Mutex<String>>,
}

struct Trap {
    patterns: Vec<&'static str>,
    moment: Moment,
    act: Box<dyn Fn() + Send + Sync>,
    armed: Arc<AtomicBool>,
    struck: Arc<AtomicUsize>,
    released: watch::Receiver<bool>,
}

impl Proxy {
    /// A proxy to `server` (`host:port`) that calls `act` when a client's bytes hold all `patterns`, and breaks the
    /// connection, unless the request is only held. It strikes once, after it was armed.
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
                // A broken connection is what a proxy is for here.
                tokio::spawn(async move { relay(client, &server, &trap).await.ok() });
            }
        });
        Self { address, armed, struck, released, target }
    }

    /// Lets the proxy strike once.
    pub fn arm(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    /// Lets a held request go on.
    pub fn release(&self) {
        self.released.send_replace(true);
    }

    /// Sends new connections to another server, as a name that was changed does. The old ones stay.
    pub fn lead_to(&self, server: &str) {
        server.clone_into(&mut self.target.lock().unwrap());
    }

    /// Waits until it struck.
    pub async fn has_struck(&self) {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        while self.struck() == 0 {
            assert!(tokio::time::Instant::now() < deadline, "the proxy never saw the request");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// How often it struck.
    #[must_use]
    pub fn struck(&self) -> usize {
        self.struck.load(Ordering::SeqCst)
    }
}

impl Trap {
    fn springs(&self, sent: &[u8]) -> bool {
        let holds = |pattern: &&str| sent.windows(pattern.len()).any(|window| window == pattern.as_bytes());
        self.patterns.iter().all(holds) && self.armed.swap(false, Ordering::SeqCst)
    }

    fn strike(&self) {
        self.struck.fetch_add(1, Ordering::SeqCst);
        (self.act)();
    }
}

async fn relay(mut client: TcpStream, server: &str, trap: &Trap) -> std::io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    let (mut up, mut down) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    // What the client sent since the server last spoke: one request, or several that travel together.
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
                    // A test that ended releases nothing any more.
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

/// Waits until the server has said all that it says to the request: it answered, and then nothing more for a while.
async fn answered(server: &mut TcpStream, buffer: &mut [u8]) -> std::io::Result<()> {
    if server.read(buffer).await? == 0 {
        return Ok(());
    }
    let quiet = std::time::Duration::from_millis(200);
    while let Ok(Ok(1..)) = tokio::time::timeout(quiet, server.read(buffer)).await {}
    Ok(())
}
