//! `headwater board`: the live board in a browser of this machine, also where its function asks for IAM.

use std::{sync::Arc, time::SystemTime};

use anyhow::Context as _;
use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HOST, HeaderName, IF_NONE_MATCH,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode, Uri};
use settings::presign::presigned;

use crate::{
    failure::failure,
    local_server::LocalServer,
    out,
    stack::{layout::Layout, opened::Stack},
    traffic::pool::{self, Pool},
};

/// Arguments of `headwater board`.
#[derive(Debug, Args)]
#[command(after_help = "\
Prints the address of the local stack's board. With --stack or --url, serves the board of an AWS account on 127.0.0.1: each
request is signed with the credentials of this shell (AWS_PROFILE, AWS_ACCESS_KEY_ID …), who may lambda:InvokeFunctionUrl.

Examples:
  headwater board
  headwater board --stack stack.json
  headwater board --url https://abc.lambda-url.eu-central-1.on.aws")]
pub(crate) struct Board {
    /// The function's URL
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Port on this machine; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value = "8090")]
    port: u16,
}

/// What passes from the function to the browser.
const PASSED: [HeaderName; 6] =
    [CONTENT_TYPE, CACHE_CONTROL, ETAG, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS, REFERRER_POLICY];

/// Prints the board's address; serves it until Ctrl-C where it has to be signed for.
pub(crate) async fn run(layout: &Layout, args: &Board) -> anyhow::Result<()> {
    let url = if let Some(url) = &args.url {
        url.clone()
    } else {
        let stack = Stack::open(layout).await?;
        if stack.local().is_some() {
            out::line(stack.board()?);
            return Ok(());
        }
        stack.url("live-board")?.to_owned()
    };
    let door = Arc::new(Door::open(&url).await?);
    let server = LocalServer::open(args.port).await?;
    let address = server.address.to_string();
    out::line(format!("http://{address}/"));
    out::note("the live board, signed for with this shell's credentials; Ctrl-C ends it");
    let answer = move |request: Request<Incoming>| {
        let (door, address) = (Arc::clone(&door), address.clone());
        async move { door.answer(&request, &address).await }
    };
    server.serve(answer).await
}

/// The way to a function that asks for IAM.
struct Door {
    pool: Pool,
    url: String,
    region: String,
    sdk: SdkConfig,
}

impl Door {
    async fn open(url: &str) -> anyhow::Result<Self> {
        let bad = || {
            failure(format!("{url} is not a function's URL"), "give it as https://….lambda-url.REGION.on.aws")
        };
        let parsed: Uri = url.parse().map_err(|_| bad())?;
        let host = parsed.host().ok_or_else(bad)?;
        let sdk = settings::sdk_config().await;
        let region = host
            .split_once(".lambda-url.")
            .and_then(|(_, rest)| rest.split('.').next().map(str::to_owned))
            .or_else(|| sdk.region().map(ToString::to_string))
            .ok_or_else(|| failure("the URL names no region", "set AWS_REGION"))?;
        Ok(Self { pool: pool::pool(8)?, url: url.trim_end_matches('/').to_owned(), region, sdk })
    }

    /// Asks the function in the browser's place. Another site's page that was given this address's name is refused: its
    /// requests name another host.
    async fn answer(&self, request: &Request<Incoming>, address: &str) -> Response<Full<Bytes>> {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if host != address && host != address.replace("127.0.0.1", "localhost") {
            return told(StatusCode::FORBIDDEN, "this is the live board of 127.0.0.1");
        }
        if request.method() != Method::GET {
            return told(StatusCode::METHOD_NOT_ALLOWED, "the live board is only read");
        }
        match self.ask(request).await {
            Ok(response) => response,
            Err(error) => told(StatusCode::BAD_GATEWAY, &format!("{error:#}")),
        }
    }

    async fn ask(&self, request: &Request<Incoming>) -> anyhow::Result<Response<Full<Bytes>>> {
        let provider = self.sdk.credentials_provider().context("this shell has no AWS credentials")?;
        let credentials =
            provider.provide_credentials().await.context("this shell has no AWS credentials")?;
        let url = format!("{}{}?via=headwater", self.url, request.uri().path());
        let signed = presigned(&url, "lambda", &self.region, &credentials, SystemTime::now())?;
        let mut outgoing = Request::get(signed).body(Full::default())?;
        if let Some(tag) = request.headers().get(IF_NONE_MATCH) {
            outgoing.headers_mut().insert(IF_NONE_MATCH, tag.clone());
        }
        let answer = self.pool.request(outgoing).await.context("the function does not answer")?;
        let (head, body) = answer.into_parts();
        let mut response = Response::new(Full::new(body.collect().await?.to_bytes()));
        *response.status_mut() = head.status;
        for name in PASSED {
            if let Some(value) = head.headers.get(&name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        Ok(response)
    }
}

/// A refusal of our own, as the page understands it.
fn told(status: StatusCode, error: &str) -> Response<Full<Bytes>> {
    let body = serde_json::json!({ "error": error }).to_string();
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response
}
