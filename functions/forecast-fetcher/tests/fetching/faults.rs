//! Faults of the server: which are retried and which are not.

use tokio::time::{Duration, Instant};

use crate::server::{Bench, MINUTE, Reply, Server, WEATHER, key, path};

#[tokio::test]
async fn a_429_is_retried_after_the_pause_of_retry_after() {
    let server = Server::start().await;
    for wait in ["1", "0.9"] {
        let limited = Reply::new(429, &[("retry-after", wait)], "slow down");
        server.on(&path("3477"), [limited, Reply::weather()]);
        let (bench, before) = (Bench::weather(&server), server.seen().len());
        let report = bench.run(&["3477"], MINUTE).await;
        assert_eq!((report.stored_count, report.retries), (1, 1), "{report:?}");
        let seen = &server.seen()[before..];
        let waited = seen[1].at - seen[0].at;
        assert!(waited >= Duration::from_millis(900) && waited < Duration::from_secs(5), "{waited:?}");
        assert_eq!(bench.objects.text(&key("3477")), WEATHER);
    }
}

/// The local clock may differ from the server's. Only the difference of the two headers counts.
#[tokio::test]
async fn a_date_in_retry_after_is_compared_with_the_servers_clock() {
    let server = Server::start().await;
    let headers =
        [("date", "Wed, 21 Oct 2015 07:28:00 GMT"), ("retry-after", "Wed, 21 Oct 2015 07:28:01 GMT")];
    server.on(&path("3477"), [Reply::new(503, &headers, ""), Reply::weather()]);
    let report = Bench::weather(&server).run(&["3477"], MINUTE).await;
    assert_eq!(report.stored_count, 1, "{report:?}");
    let seen = server.seen();
    assert!(seen[1].at - seen[0].at >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_pause_beyond_the_deadline_fails_the_item_at_once() {
    let server = Server::start().await;
    for wait in ["3600", "99999999999999999999", "Tue, 31 Dec 2999 23:59:59 GMT"] {
        server.on(&path("3477"), [Reply::new(429, &[("retry-after", wait)], "")]);
        let started = Instant::now();
        let reason = Bench::weather(&server).refused(MINUTE).await;
        assert!(reason.contains("HTTP 429") && reason.contains("Retry-After"), "{reason}");
        assert!(started.elapsed() < Duration::from_secs(5), "{wait}");
    }
    assert_eq!(server.count(&path("3477")), 3);
}

#[tokio::test]
async fn temporary_faults_are_retried_until_the_answer_is_valid() {
    let server = Server::start().await;
    let cut_off =
        Reply::Raw(format!("HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{WEATHER}").into_bytes());
    let cut_chunk = Reply::Raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"id\"".to_vec());
    let closed = Reply::Raw(Vec::new());
    for fault in [
        Reply::new(500, &[], "oops"),
        Reply::new(502, &[], ""),
        Reply::new(504, &[], ""),
        cut_off,
        cut_chunk,
        closed,
    ] {
        server.on(&path("3477"), [fault.clone(), Reply::weather()]);
        let bench = Bench::weather(&server);
        let report = bench.run(&["3477"], MINUTE).await;
        assert_eq!((report.stored_count, report.retries), (1, 1), "{fault:?}: {report:?}");
        assert_eq!(bench.objects.text(&key("3477")), WEATHER);
    }
}

#[tokio::test]
async fn a_lasting_fault_is_reported_with_the_attempts_and_the_servers_message() {
    let server = Server::start().await;
    server.on(&path("3477"), [Reply::new(500, &[], "{\"error\": \"database\n gone\"}")]);
    let reason = Bench::weather(&server).refused(MINUTE).await;
    assert_eq!(reason, "HTTP 500 (tried 5 times): {\"error\": \"database gone\"}");
    assert_eq!(server.count(&path("3477")), 5);
}

#[tokio::test]
async fn faults_that_a_retry_cannot_fix_are_not_retried() {
    let server = Server::start().await;
    for status in [204, 400, 401, 403, 404, 410, 501] {
        server.on(&path("3477"), [Reply::new(status, &[], "")]);
        let before = server.seen().len();
        let reason = Bench::weather(&server).refused(MINUTE).await;
        assert!(reason.starts_with(&format!("HTTP {status}")), "{reason}");
        assert_eq!(server.seen().len(), before + 1, "{status}");
    }
}

#[tokio::test]
async fn an_invalid_answer_with_status_200_is_reported_and_not_stored() {
    let server = Server::start().await;
    let compressed = Reply::new(200, &[("content-encoding", "gzip")], b"\x1f\x8b\x08");
    for (reply, reason) in [
        (Reply::ok(r#"{"id":3477,"data":[]}"#), "has no /data/0/date"),
        (Reply::ok(r#"{"forecast":[]}"#), "has no /id"),
        (Reply::ok(&WEATHER[..WEATHER.len() - 5]), "not JSON"),
        (Reply::ok(""), "not JSON"),
        (Reply::ok("<html>Please log in</html>"), "web page"),
        (compressed, "compressed (gzip)"),
    ] {
        server.on(&path("3477"), [reply]);
        let before = server.seen().len();
        let refused = Bench::weather(&server).refused(MINUTE).await;
        assert!(refused.contains(reason), "{reason}: {refused}");
        assert_eq!(server.seen().len(), before + 1, "{reason}: tried again");
    }
}

/// One answer declares a length beyond the limit. The other is sent in chunks, so its length is not known in
/// advance.
#[tokio::test]
async fn an_endless_answer_is_cut_at_the_size_limit() {
    let server = Server::start().await;
    let announced = Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_vec());
    let mut chunks = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..9 {
        chunks.extend_from_slice(b"100000\r\n");
        chunks.resize(chunks.len() + (1 << 20), b' ');
        chunks.extend_from_slice(b"\r\n");
    }
    for endless in [announced, Reply::Raw(chunks)] {
        server.on(&path("3477"), [endless]);
        let reason = Bench::weather(&server).refused(MINUTE).await;
        assert!(reason.contains("more than 8 MB"), "{reason}");
    }
}

#[tokio::test]
async fn a_request_to_a_hanging_server_is_retried_within_the_items_time() {
    let server = Server::start().await;
    server.on(&path("3477"), [Reply::Hang, Reply::weather()]);
    let report = Bench::weather(&server).run(&["3477"], Duration::from_secs(4)).await;
    assert_eq!((report.stored_count, report.retries), (1, 1), "{report:?}");
    server.on(&path("3477"), [Reply::Hang]);
    let started = Instant::now();
    let reason = Bench::weather(&server).refused(Duration::from_secs(3)).await;
    assert!(reason.contains("no complete answer"), "{reason}");
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_missing_server_is_reported_as_a_failed_connection() {
    let reason = Bench::weather(&Server::nobody()).refused(Duration::from_secs(3)).await;
    assert!(reason.starts_with("the connection failed"), "{reason}");
}

#[tokio::test]
async fn five_redirects_are_followed_and_a_sixth_is_a_fault() {
    let server = Server::start().await;
    for (number, status) in [301, 302, 303, 307, 308].into_iter().enumerate() {
        let from = if number == 0 { path("3477") } else { format!("/{number}") };
        server.on(&from, [Reply::new(status, &[("location", &format!("/{}", number + 1))], "")]);
    }
    server.on("/5", [Reply::weather()]);
    assert_eq!(Bench::weather(&server).run(&["3477"], MINUTE).await.stored_count, 1);
    server.on("/5", [Reply::new(302, &[("location", "/1")], "")]);
    let reason = Bench::weather(&server).refused(MINUTE).await;
    assert!(reason.contains("more than 5 redirects"), "{reason}");
    server.on(&path("3477"), [Reply::new(302, &[("location", "file:///etc/passwd")], "")]);
    assert!(Bench::weather(&server).refused(MINUTE).await.contains("not an HTTP URL"));
    server.on(&path("3477"), [Reply::new(302, &[], "")]);
    assert!(Bench::weather(&server).refused(MINUTE).await.contains("HTTP 302"));
}
