//! A small HTTPS client on the HTTP stack that the AWS SDK brings along: rustls on AWS-LC, the platform's roots.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use zeroize::Zeroizing;

use crate::Error;

/// Most bytes of an answer's body, where no other limit is set: 1 MiB.
pub const DEFAULT_BODY_LIMIT: usize = 1 << 20;
const OPERATION: &str = "https:Request";

/// Sends requests. It follows no redirect and repeats nothing.
#[derive(Clone, Debug)]
pub struct HttpsClient {
    connector: SharedHttpConnector,
    timeout: Duration,
    body_limit: usize,
}

/// An answer. Its headers and body may hold secrets.
#[derive(Clone)]
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    /// The headers: names in lower case, values of those that are UTF-8.
    pub headers: Vec<(String, String)>,
    /// The body, whole.
    pub body: Zeroizing<Vec<u8>>,
}

impl HttpAnswer {
    /// The first header with that name, which is written in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for HttpAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpAnswer").field("status", &self.status).finish_non_exhaustive()
    }
}

impl HttpsClient {
    /// A client whose requests take at most `timeout`, from the connection to the last byte of the answer.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        let tls = Provider::Rustls(CryptoMode::AwsLc);
        let connector = SharedHttpConnector::new(Connector::builder().tls_provider(tls).build());
        Self { connector, timeout, body_limit: DEFAULT_BODY_LIMIT }
    }

    /// The same with another limit on an answer's body, in bytes.
    #[must_use]
    pub fn with_body_limit(self, body_limit: usize) -> Self {
        Self { body_limit, ..self }
    }

    /// Sends a request and reads the answer whole, whatever its status.
    ///
    /// `url` is an `https` one, or `http` to a loopback host. [`Error::Unavailable`] where there is no whole answer
    /// within the time and the limit.
    pub async fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<HttpAnswer, Error> {
        let request = request(method, url, headers, body)?;
        match tokio::time::timeout(self.timeout, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(failed("timeout")),
        }
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpAnswer, Error> {
        let answer = self.connector.call(request).await.map_err(|error| failed(chain(&error)))?;
        let status = answer.status().as_u16();
        let headers = answer.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut stream = ByteStream::new(answer.into_body());
        let mut body = Zeroizing::new(Vec::new());
        while let Some(bytes) = stream.try_next().await.map_err(|error| failed(chain(&error)))? {
            if bytes.len() > self.body_limit - body.len() {
                return Err(failed(format_args!("the answer is longer than {} bytes", self.body_limit)));
            }
            body.extend_from_slice(&bytes);
        }
        Ok(HttpAnswer { status, headers, body })
    }
}

/// The request, unless its secrets would travel in clear.
fn request(method: &str, url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Result<HttpRequest, Error> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    // No error quotes a header: it may be a credential.
    request.set_method(method).map_err(|_| failed("not a method"))?;
    request.set_uri(url).map_err(|_| failed("not a URL"))?;
    for (name, value) in headers {
        let appended = request.headers_mut().try_append((*name).to_owned(), (*value).to_owned());
        appended.map_err(|_| failed("not a header"))?;
    }
    // What the connector will parse is what is judged here, so that the two cannot differ on where a request goes.
    let request = request.try_into_http1x().map_err(|_| failed("not a request"))?;
    let allowed = match (request.uri().scheme_str(), request.uri().host()) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(host)) => is_loopback(host),
        _ => false,
    };
    if !allowed {
        return Err(failed("the URL is neither https nor http to a loopback host"));
    }
    HttpRequest::try_from(request).map_err(|_| failed("not a request"))
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn failed(cause: impl fmt::Display) -> Error {
    Error::Unavailable { operation: OPERATION, cause: cause.to_string() }
}

/// A failure of the transport with its causes: nothing of an answer is in there.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
