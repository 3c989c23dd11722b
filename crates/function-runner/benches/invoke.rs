//! Measures a warm invocation of a function that does nothing, with a small event and with an event of 2.4 MB. The
//! measured time is the runner's own time plus two HTTP requests over loopback.
//!
//! This program is also the function: the runner starts it again as `bootstrap`.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::Criterion;
use function_runner::{Code, Function, NoLogs, Outcome, Runner, RunnerSettings};

fn main() {
    if let Ok(api) = std::env::var("AWS_LAMBDA_RUNTIME_API") {
        serve(&api);
        return;
    }
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(std::env::current_exe().unwrap(), folder.path().join("bootstrap")).unwrap();
    for freeze in [true, false] {
        let mut function = Function::new("nothing", Code::in_folder(folder.path()));
        function.timeout = Duration::from_secs(30);
        function.memory_mb = 512;
        let settings =
            RunnerSettings { scratch: folder.path().to_owned(), freeze, ..RunnerSettings::default() };
        let runner = runtime.block_on(async { Runner::new(function, settings, Arc::new(NoLogs)) });
        let between = if freeze { "stopped between" } else { "running on" };
        for (size, event) in [("empty", Bytes::from("{}")), ("2.4 MB", vec![b'x'; 2_400_000].into())] {
            criterion.bench_function(&format!("warm invocation, {size} event, {between}"), |bencher| {
                bencher.iter(|| {
                    let outcome = runtime.block_on(runner.invoke(event.clone()));
                    assert!(matches!(outcome, Outcome::Answer(_)), "{outcome:?}");
                });
            });
        }
    }
    criterion.final_summary();
}

/// The function: it answers each event with `null`.
fn serve(api: &str) {
    let mut connection = BufReader::new(TcpStream::connect(api).unwrap());
    connection.get_ref().set_nodelay(true).unwrap();
    loop {
        let next = format!("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {api}\r\n\r\n");
        let Some(id) = exchange(&mut connection, &next) else { return };
        let answer = format!(
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: {api}\r\nContent-Length: 4\r\n\r\nnull"
        );
        exchange(&mut connection, &answer);
    }
}

/// Sends a request and reads the response. Returns the request id from the response.
fn exchange(connection: &mut BufReader<TcpStream>, request: &str) -> Option<String> {
    connection.get_mut().write_all(request.as_bytes()).ok()?;
    let (mut id, mut length) = (String::new(), 0);
    let mut line = String::new();
    loop {
        line.clear();
        if connection.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line == "\r\n" {
                break;
            }
            continue;
        };
        match name {
            "lambda-runtime-aws-request-id" => value.clone_into(&mut id),
            "content-length" => length = value.parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).ok()?;
    Some(id)
}
