//! Reads the output of functions line by line and passes it to a sink.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// One line of a function's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The function's log group.
    pub group: Arc<str>,
    /// The log stream; each process has its own.
    pub stream: Arc<str>,
    /// When the line was read, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The line without its line end.
    pub text: String,
}

/// A destination of log lines. It is called for each line, so it must be fast and must not block on IO.
pub trait LogSink: Send + Sync {
    /// Takes one line.
    fn write(&self, line: LogLine);
}

/// A sink that drops every line.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLogs;

impl LogSink for NoLogs {
    fn write(&self, _: LogLine) {}
}

/// A sink that appends the lines to a file.
#[derive(Debug)]
pub struct LogFile(Mutex<File>);

impl LogFile {
    /// Opens or creates the file.
    ///
    /// Fails if the folder is missing or the file is not writable.
    pub fn append(path: &Path) -> std::io::Result<Self> {
        Ok(Self(Mutex::new(File::options().create(true).append(true).open(path)?)))
    }
}

impl LogSink for LogFile {
    fn write(&self, line: LogLine) {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writeln!(file, "{}", line.text) {
            tracing::warn!(%error, "a line of a function's log was not written");
        }
    }
}

/// Longer lines are cut, because `CloudWatch` accepts at most 256 KB in one event.
const LONGEST_LINE: usize = 255 << 10;

/// How long the output is still read after the process ended. The limit is needed because a child that left the process
/// group may hold the pipe open without end.
const AFTERMATH: Duration = Duration::from_secs(1);

/// Lambda returns at most this many bytes of an invocation's log (`X-Amz-Log-Type: Tail`).
const TAIL: usize = 4 << 10;

/// A message from the runner to the task that reads a process's output.
enum Said {
    /// A line for the log.
    Line(String),
    /// The first line of an invocation.
    Start(String),
    /// A request for the end of the invocation's log.
    Tail(oneshot::Sender<String>),
}

/// Reads a process's output. A line of the runner is written after everything that the process printed before it.
#[derive(Debug)]
pub(crate) struct LogPipe {
    /// Messages to the reader.
    platform: mpsc::UnboundedSender<Said>,
    /// The task that reads the output. It ends when the pipe is closed or [`LogPipe::finish`] is called.
    reader: JoinHandle<()>,
}

impl LogPipe {
    /// Starts a task that reads `output` and writes its lines to `sink`.
    pub(crate) fn start(output: Receiver, sink: Arc<dyn LogSink>, group: Arc<str>, stream: Arc<str>) -> Self {
        let (platform, lines) = mpsc::unbounded_channel();
        let writer = Writer { sink, group, stream, tail: String::new() };
        Self { platform, reader: tokio::spawn(read(output, lines, writer)) }
    }

    /// Writes a line of the runner.
    pub(crate) fn say(&self, line: String) {
        // The reader ends when the process closes its output. Then the line is dropped.
        let _ = self.platform.send(Said::Line(line));
    }

    /// Writes the first line of an invocation.
    pub(crate) fn begin(&self, line: String) {
        let _ = self.platform.send(Said::Start(line));
    }

    /// The last 4 KB of the log since the invocation began.
    pub(crate) async fn tail(&self) -> String {
        let (send, tail) = oneshot::channel();
        let _ = self.platform.send(Said::Tail(send));
        tail.await.unwrap_or_default()
    }

    /// Waits until the output of an ended process is read completely.
    pub(crate) async fn finish(self) {
        drop(self.platform);
        let _ = self.reader.await;
    }
}

/// Splits the output into lines and passes them to the sink.
struct Writer {
    sink: Arc<dyn LogSink>,
    group: Arc<str>,
    stream: Arc<str>,
    /// The end of the current invocation's log.
    tail: String,
}

impl Writer {
    /// Passes one line to the sink and appends it to the tail.
    fn line(&mut self, text: String) {
        self.tail.push_str(&text);
        self.tail.push('\n');
        if self.tail.len() > 4 * TAIL {
            self.cut_tail();
        }
        let at_ms = chrono::Utc::now().timestamp_millis();
        self.sink.write(LogLine {
            group: Arc::clone(&self.group),
            stream: Arc::clone(&self.stream),
            at_ms,
            text,
        });
    }

    /// Bytes that are not UTF-8 become U+FFFD. A carriage return at the end is removed.
    fn bytes(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.line(String::from_utf8_lossy(line).into_owned());
    }

    fn say(&mut self, said: Said) {
        match said {
            Said::Line(line) => self.line(line),
            Said::Start(line) => {
                self.tail.clear();
                self.line(line);
            }
            Said::Tail(wanted) => {
                self.cut_tail();
                // An error means that the requester no longer waits.
                let _ = wanted.send(self.tail.clone());
            }
        }
    }

    /// Shortens the tail to [`TAIL`] bytes, at the boundary of a character.
    fn cut_tail(&mut self) {
        let start = self.tail.ceil_char_boundary(self.tail.len().saturating_sub(TAIL));
        self.tail.drain(..start);
    }

    /// Writes the complete lines of the buffer and keeps the rest in it.
    fn lines(&mut self, buffer: &mut Vec<u8>) {
        let mut start = 0;
        while let Some(length) = buffer[start..].iter().position(|byte| *byte == b'\n') {
            self.bytes(&buffer[start..start + length]);
            start += length + 1;
        }
        buffer.drain(..start);
        if buffer.len() >= LONGEST_LINE {
            self.bytes(buffer);
            buffer.clear();
        }
    }
}

/// Reads until [`LogPipe::finish`], and then for [`AFTERMATH`] at most.
async fn read(mut output: Receiver, mut platform: mpsc::UnboundedReceiver<Said>, mut writer: Writer) {
    let mut buffer = Vec::new();
    let mut chunk = vec![0; 16 << 10];
    let mut open = true;
    loop {
        tokio::select! {
            // Read the process's output first, so that it is logged before the runner's lines about it.
            biased;
            read = output.read(&mut chunk), if open => match read {
                Ok(count) if count > 0 => {
                    buffer.extend_from_slice(&chunk[..count]);
                    writer.lines(&mut buffer);
                }
                _ => open = false,
            },
            said = platform.recv() => match said {
                Some(said) => writer.say(said),
                None => break,
            },
        }
    }
    let rest = async {
        while open
            && let Ok(count) = output.read(&mut chunk).await
            && count > 0
        {
            buffer.extend_from_slice(&chunk[..count]);
            writer.lines(&mut buffer);
        }
    };
    let _ = tokio::time::timeout(AFTERMATH, rest).await;
    if !buffer.is_empty() {
        writer.bytes(&buffer);
    }
}
