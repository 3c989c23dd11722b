//! A plain HTTP/1.0 exchange with a part on this machine: health checks need no client of hundreds of crates.

use std::{
    io::{Read as _, Write as _},
    net::{TcpStream, ToSocketAddrs as _},
    time::Duration,
};

use anyhow::{Context as _, bail};

/// A status and a body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// GET of `endpoint` + `path`.
pub(crate) fn get(endpoint: &str, path: &str) -> anyhow::Result<Answer> {
    exchange(endpoint, &format!("GET {path} HTTP/1.0\r\n"), b"")
}

/// PUT of a JSON body.
pub(crate) fn put_json(endpoint: &str, path: &str, body: &impl serde::Serialize) -> anyhow::Result<Answer> {
    let head = format!("PUT {path} HTTP/1.0\r\nContent-Type: application/json\r\n");
    exchange(endpoint, &head, &serde_json::to_vec(body)?)
}

fn exchange(endpoint: &str, head: &str, body: &[u8]) -> anyhow::Result<Answer> {
    let host = authority(endpoint)?;
    let address = host.to_socket_addrs().context("unknown host")?.next().context("unknown host")?;
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    write!(stream, "{head}Host: {host}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(body)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    parse(&bytes)
}

/// `host:port` of an `http://` address.
pub(crate) fn authority(endpoint: &str) -> anyhow::Result<String> {
    let Some(rest) = endpoint.strip_prefix("http://") else {
        bail!("the emulator's address must start with http:// ({endpoint} does not)");
    };
    let host = rest.split('/').next().unwrap_or(rest);
    Ok(if host.contains(':') { host.to_owned() } else { format!("{host}:80") })
}

fn parse(bytes: &[u8]) -> anyhow::Result<Answer> {
    let split = bytes.windows(4).position(|window| window == b"\r\n\r\n").context("not an HTTP answer")?;
    let head = String::from_utf8_lossy(&bytes[..split]);
    let status =
        head.split_whitespace().nth(1).and_then(|code| code.parse().ok()).context("not an HTTP answer")?;
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = &bytes[split + 4..];
    Ok(Answer { status, body: if chunked { dechunk(body)? } else { body.to_vec() } })
}

fn dechunk(mut rest: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n").context("a broken chunk")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end])?.trim(), 16)?;
        if length == 0 {
            return Ok(body);
        }
        body.extend_from_slice(rest.get(end + 2..end + 2 + length).context("a short chunk")?);
        rest = rest.get(end + 4 + length..).context("a short chunk")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_parsed_whole_or_in_chunks() {
        let whole = parse(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").unwrap();
        assert_eq!((whole.status, whole.body.as_slice()), (200, b"hi".as_slice()));
        let chunks =
            parse(b"HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n")
                .unwrap();
        assert_eq!((chunks.status, chunks.body.as_slice()), (503, b"hi!".as_slice()));
    }

    #[test]
    fn only_plain_addresses_are_taken() {
        assert_eq!(authority("http://127.0.0.1:4566/").unwrap(), "127.0.0.1:4566");
        assert!(authority("https://localhost").is_err());
    }
}
