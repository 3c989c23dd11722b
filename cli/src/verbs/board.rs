//! `headwater board`: shows the live board in a browser on this machine.
//!
//! In an AWS account, the board's function URL accepts only requests that are signed with IAM credentials. A browser
//! cannot sign them. So this command serves the board on 127.0.0.1 and signs each request before it forwards it.

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
The board is a web page: the lag of every lane, totals, Delta tables, certificates, parked records and recent errors.

For the local stack, prints the board's address and ends. With --stack or --url, serves the board of an AWS account on
127.0.0.1 until Ctrl-C. Each request is signed with the credentials of this shell (AWS_PROFILE, AWS_ACCESS_KEY_ID, …).
They need the permission lambda:InvokeFunctionUrl.

Examples:
  headwater board
  headwater board --stack stack.json
  headwater board --url https://abc.lambda-url.eu-central-1.on.aws")]
pub(crate) struct Board {
    /// URL of the board's function [default: from the stack]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Port on this machine on which the board is served; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value = "8090")]
    port: u16,
}

/// Headers of the function's response that are passed on to the browser. All others are dropped.
const PASSED: [HeaderName; 6] =
    [CONTENT_TYPE, CACHE_CONTROL, ETAG, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS, REFERRER_POLICY];

/// Prints the board's address. For a board in an AWS account, also serves it until Ctrl-C.
///
/// # Errors
/// The stack has no board, `--url` is not a function URL, or the port is in use.
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
    out::note("serving the live board; requests are signed with this shell's credentials; stop with Ctrl-C");
    let answer = move |request: Request<Incoming>| {
        let (door, address) = (Arc::clone(&door), address.clone());
        async move { door.answer(&request, &address).await }
    };
    server.serve(answer).await
}

/// Client of a function URL with IAM authentication.
struct Door {
    pool: Pool,
    /// The function URL, without a slash at the end.
    url: String,
    /// Region for which requests are signed.
    region: String,
    /// Configuration with the credentials of this shell.
    sdk: SdkConfig,
}

impl Door {
    /// Prepares a client. The region is taken from the URL (`….lambda-url.REGION.on.aws`), else from the AWS
    /// configuration of this shell. Sends no request yet.
    ///
    /// # Errors
    /// `url` has no host, or no region is known.
    async fn open(url: &str) -> anyhow::Result<Self> {
        let bad = || {
            failure(format!("{url} is not a function URL"), "use the form https://….lambda-url.REGION.on.aws")
        };
        let parsed: Uri = url.parse().map_err(|_| bad())?;
        let host = parsed.host().ok_or_else(bad)?;
        let sdk = settings::sdk_config().await;
        let region = host
            .split_once(".lambda-url.")
            .and_then(|(_, rest)| rest.split('.').next().map(str::to_owned))
            .or_else(|| sdk.region().map(ToString::to_string))
            .ok_or_else(|| failure("the URL contains no region", "set AWS_REGION"))?;
        Ok(Self { pool: pool::pool(8)?, url: url.trim_end_matches('/').to_owned(), region, sdk })
    }

    /// Forwards a request of the browser to the function. `address` is the address of this server. If the function
    /// cannot be asked, returns status 502 with the error.
    ///
    /// A request whose `Host` is not this server is refused with 403. This stops DNS rebinding: a foreign site that
    /// resolves its name to 127.0.0.1 could otherwise read the board.
    async fn answer(&self, request: &Request<Incoming>, address: &str) -> Response<Full<Bytes>> {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if host != address && host != address.replace("127.0.0.1", "localhost") {
            return told(StatusCode::FORBIDDEN, "open the live board by the address 127.0.0.1 or localhost");
        }
        if request.method() != Method::GET {
            return told(StatusCode::METHOD_NOT_ALLOWED, "the live board accepts only GET requests");
        }
        match self.ask(request).await {
            Ok(response) => response,
            Err(error) => told(StatusCode::BAD_GATEWAY, &format!("{error:#}")),
        }
    }

    /// Sends a signed GET for the request's path, with its `If-None-Match`. Returns the function's status and body, and
    /// the headers in [`PASSED`].
    ///
    /// # Errors
    /// This shell has no AWS credentials, or the function does not answer.
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

/// An error response with the same body as those of the board's function: `{"error": "…"}`.
fn told(status: StatusCode, error: &str) -> Response<Full<Bytes>> {
    let body = serde_json::json!({ "error": error }).to_string();
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response
}
