//! S3 fails for a while, fails permanently, or refuses.

use std::{collections::HashMap, time::Duration};

use faults::{Classified, FaultClass};
use tokio::time::Instant;

use crate::{
    proxy::{Handling, Proxy},
    support::{BUCKET, Offsets, client, client_of, each_once, location, snapshot, soon, stored, table},
};

#[tokio::test]
async fn every_request_that_fails_twice_is_tried_again() {
    let (client, location) = (client().await, location("flaky"));
    let mut failed: HashMap<String, u32> = HashMap::new();
    let proxy = Proxy::start(move |request| {
        let times = failed.entry(format!("{} {}", request.method, request.target)).or_default();
        *times += 1;
        if *times <= 2 { Handling::Refused } else { Handling::Passes }
    })
    .await;
    let flaky = client_of(&proxy.endpoint).await;
    for from in [0, 10] {
        table(&flaky, &location).append(&mut Offsets::new(0, from..from + 10), soon()).await.unwrap();
    }
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..20));
}

#[tokio::test]
async fn a_failure_until_the_deadline_is_reported_with_object_and_fault() {
    let location = location("down");
    let proxy =
        Proxy::start(|request| if request.is_data() { Handling::Refused } else { Handling::Passes }).await;
    client().await;
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut table = table(&client_of(&proxy.endpoint).await, &location);
    let fault = table.append(&mut Offsets::new(0, 0..10), deadline).await.unwrap_err();
    let said = fault.to_string();
    assert_eq!(fault.class(), FaultClass::Retryable, "{said}");
    assert!(said.contains(&format!("PUT {location}/kind=raw/data-")) && said.contains("503"), "{said}");
    assert!(Instant::now() < deadline + Duration::from_secs(5));
    assert!(proxy.seen().iter().filter(|(request, _)| request.is_data()).count() > 2);
}

#[tokio::test]
async fn a_store_that_never_answers_is_given_up_at_the_deadline() {
    let proxy = Proxy::start(|_| Handling::Hangs).await;
    let deadline = Instant::now() + Duration::from_millis(300);
    let mut table = table(&client_of(&proxy.endpoint).await, &location("hangs"));
    let fault = table.append(&mut Offsets::new(0, 0..10), deadline).await.unwrap_err();
    assert_eq!(fault.class(), FaultClass::Retryable, "{fault}");
    assert!(Instant::now() < deadline + Duration::from_secs(5));
}

#[tokio::test]
async fn a_missing_bucket_is_a_configuration_fault_at_once() {
    let location = format!("s3://{BUCKET}-that-is-not-there/table").parse().unwrap();
    let fault =
        table(&client().await, &location).append(&mut Offsets::new(0, 0..10), soon()).await.unwrap_err();
    let said = fault.to_string();
    assert_eq!(fault.class(), FaultClass::Configuration, "{said}");
    assert!(said.contains("NoSuchBucket") && said.contains("that-is-not-there"), "{said}");
}
