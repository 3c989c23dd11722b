//! A cold start is cheap: a function creates its clients, but opens no connection before its first event.

use std::net::TcpListener;
use std::time::Duration;

use end_to_end::{Function, Parts};

/// All addresses in the function's environment lead to a listener, which must not see a connection. The CPU time is the
/// least of 21 starts.
#[tokio::test]
async fn a_function_requests_its_first_event_within_30_ms_of_cpu_time_and_opens_no_connection_before() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut parts = Parts::of_environment();
    parts.endpoint = format!("http://{address}");
    parts.database_url = format!("postgres://headwater@{address}/headwater");
    let pipelines = [parts.rooms_pipeline()];
    for name in [
        "rooms-generator",
        "parquet-writer",
        "totals-upserter",
        "table-writer",
        "bucket-ingester",
        "inbox-etl",
        "schema-migrator",
        "telemetry-gateway",
        "live-board",
    ] {
        let (mut elapsed, mut busy) = (Vec::new(), Vec::new());
        for _ in 0..21 {
            let kafka = [("KAFKA_BOOTSTRAP_SERVERS", address.as_str())];
            let mut function = Function::start_with(name, &parts, &pipelines, &kafka).await;
            elapsed.push(function.start_up().await);
            busy.push(function.processor_time());
        }
        elapsed.sort_unstable();
        busy.sort_unstable();
        let (fastest, median, least) = (elapsed[0], elapsed[10], busy[0]);
        println!(
            "{name}: process start to first `next`, of 21: fastest {fastest:.1?}, median {median:.1?}; on a processor {least:.1?}"
        );
        // Other work on the machine makes the elapsed time much longer, but the CPU time hardly.
        assert!(least <= Duration::from_millis(30), "{name}: {least:?}");
        assert!(listener.accept().is_err(), "{name} called somebody before its first event");
    }
}
