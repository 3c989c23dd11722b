//! A proxy before the emulator. A test decides which requests fail, and how.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// A request, as the rule of a test sees it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
}

impl Request {
    pub(crate) fn is_commit(&self) -> bool {
        self.method == "PUT" && self.target.contains("/_delta_log/")
    }

    pub(crate) fn is_data(&self) -> bool {
        self.method == "PUT" && !self.is_commit()
    }
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handling {
    Passes,
    /// The proxy answers with 503. The emulator does not see the request.
    Refused,
    /// The emulator handles the request, but its response is dropped.
    AnswerLost,
    /// There is never a response, and the emulator does not see the request.
    Hangs,
    /// The request waits until [`Proxy::release`] and is then forwarded. It is counted when it arrives.
    Waits,
}

type Rule = Box<dyn FnMut(&Request) -> Handling + Send>;

/// A running proxy. It ends with the test's runtime.
pub(crate) struct Proxy {
    pub(crate) endpoint: String,
    seen: watch::Receiver<Vec<(Request, Handling)>>,
    released: watch::Sender<bool>,
}

impl Proxy {
    pub(crate) async fn start(rule: impl FnMut(&Request) -> Handling + Send + 'static) -> Self {
        let target =
            super::support::endpoint().trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (log, seen) = watch::channel(Vec::new());
        let rule: Arc<Mutex<Rule>> = Arc::new(Mutex::new(Box::new(rule)));
        let log = Arc::new(log);
        let (released, waits) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (target, rule, log, waits) = (target.clone(), rule.clone(), log.clone(), waits.clone());
                tokio::spawn(async move {
                    // The client handles broken connections.
                    let _ = serve(connection, &target, &rule, &log, waits).await;
                });
            }
        });
        Self { endpoint, seen, released }
    }

    /// Forwards the waiting requests and all later ones.
    pub(crate) fn release(&self) {
        self.released.send_replace(true);
    }

    pub(crate) fn seen(&self) -> Vec<(Request, Handling)> {
        self.seen.borrow().clone()
    }

    /// Waits until this has happened to a request.
    pub(crate) async fn has_met(&mut self, handling: Handling) {
        self.seen.wait_for(|seen| seen.iter().any(|(_, met)| *met == handling)).await.unwrap();
    }
}

async fn serve(
    mut client: TcpStream,
    target: &str,
    rule: &Mutex<Rule>,
    log: &watch::Sender<Vec<(Request, Handling)>>,
    mut waits: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let mut received = Vec::new();
    let head = loop {
        if let Some(end) = received.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
        if client.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
    };
    let text = String::from_utf8_lossy(&received[..head]).into_owned();
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    while received.len() < head + length.unwrap_or(0) {
        if client.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
    }
    let mut words = text.split(' ').map(ToOwned::to_owned);
    let request = Request { method: words.next().unwrap(), target: words.next().unwrap() };
    let handling = (rule.lock().unwrap())(&request);
    if handling == Handling::Waits {
        log.send_modify(|seen| seen.push((request.clone(), handling)));
        // After its end, a test releases nothing.
        let _ = waits.wait_for(|released| *released).await;
    }
    let answer = match handling {
        Handling::Passes | Handling::AnswerLost | Handling::Waits => {
            let mut server = TcpStream::connect(target).await?;
            server.write_all(&received[..head - 2]).await?;
            server.write_all(b"connection: close\r\n\r\n").await?;
            server.write_all(&received[head..]).await?;
            let mut answer = Vec::new();
            server.read_to_end(&mut answer).await?;
            answer
        }
        Handling::Refused => {
            b"HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec()
        }
        Handling::Hangs => Vec::new(),
    };
    if handling != Handling::Waits {
        log.send_modify(|seen| seen.push((request, handling)));
    }
    match handling {
        Handling::Passes | Handling::Refused | Handling::Waits => client.write_all(&answer).await,
        Handling::AnswerLost => Ok(()),
        Handling::Hangs => std::future::pending().await,
    }
}
