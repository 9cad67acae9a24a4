//! What the doubles of AWS services share: a connector that takes the place of the network behind the real SDK, in the
//! two protocols that they speak, with counted calls and injected faults.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Debug, Write};
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::life::Life;

/// What a test does between two calls of the code that it tests.
type Hook = Box<dyn FnOnce() + Send>;

/// How a service is spoken to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
    /// JSON both ways, the action in the header `x-amz-target`.
    Json,
    /// A form with the action in it, answered in XML.
    Query,
}

/// What a double does for each action.
pub(crate) trait Service: Debug + Send + Sync + 'static {
    /// The protocol.
    const PROTOCOL: Protocol;

    /// Carries out one call. A form's fields are members of `input`; members of the answer are elements of the XML.
    fn call(&self, action: &str, input: &Value) -> Result<Value, Refused>;
}

/// A refusal as the service words it.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Refused {
    /// The caller's fault.
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.to_owned(), message: message.into() }
    }

    /// One with a status of its own.
    pub(crate) fn with_status(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, ..Self::new(code, message) }
    }

    fn unknown_action(action: &str) -> Self {
        Self::new("UnknownOperationException", format!("this double does not know {action}"))
    }

    fn broken(action: &str) -> Self {
        Self { status: 500, code: "InternalFailure".to_owned(), message: format!("injected failure of {action}") }
    }

    fn dead(action: &str) -> Self {
        Self { message: format!("{action} of a process that has ended"), ..Self::broken(action) }
    }

    fn denied(action: &str) -> Self {
        Self::new("AccessDeniedException", format!("not authorized to perform {action}"))
    }
}

/// The refusal of an action that a double lacks.
pub(crate) fn unknown(action: &str) -> Result<Value, Refused> {
    Err(Refused::unknown_action(action))
}

#[derive(Default)]
struct Faults {
    life: Life,
    calls: BTreeMap<String, usize>,
    denied: BTreeSet<String>,
    failing: BTreeMap<String, usize>,
    losing: BTreeMap<String, usize>,
    refusing: BTreeMap<String, (usize, Refused)>,
    hooks: BTreeMap<String, Hook>,
}

impl Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("calls", &self.calls).field("failing", &self.failing).finish_non_exhaustive()
    }
}

/// Counts a double's calls, and fails those that a test wants to fail. Clones act on the same double.
#[derive(Clone, Debug, Default)]
pub struct Control(Arc<Mutex<Faults>>);

impl Control {
    /// One whose calls count in `life`, with those of the other services that the same process calls.
    pub fn of(life: &Life) -> Self {
        Self(Arc::new(Mutex::new(Faults { life: life.clone(), ..Faults::default() })))
    }

    /// Calls received since the last [`Control::reset`], by action, the failed ones included.
    pub fn calls(&self) -> BTreeMap<String, usize> {
        self.0.lock().unwrap().calls.clone()
    }

    /// Calls of one action received.
    pub fn count(&self, action: &str) -> usize {
        self.calls().get(action).copied().unwrap_or(0)
    }

    /// Forgets what was received.
    pub fn reset(&self) {
        self.0.lock().unwrap().calls.clear();
    }

    /// Denies `action` from now on, as IAM would.
    pub fn deny(&self, action: &str) {
        self.0.lock().unwrap().denied.insert(action.to_owned());
    }

    /// Ends [`Control::deny`].
    pub fn allow(&self, action: &str) {
        self.0.lock().unwrap().denied.remove(action);
    }

    /// Makes the next `calls` calls of `action` fail with status 500; nothing is done for them.
    pub fn fail(&self, action: &str, calls: usize) {
        self.0.lock().unwrap().failing.insert(action.to_owned(), calls);
    }

    /// Carries out the next `calls` calls of `action` and answers them with status 500: done, and nobody knows it.
    pub fn lose(&self, action: &str, calls: usize) {
        self.0.lock().unwrap().losing.insert(action.to_owned(), calls);
    }

    /// Answers the next `calls` calls of `action` with that status and error code; nothing is done for them.
    pub fn refuse(&self, action: &str, calls: usize, status: u16, code: &str) {
        let refused = Refused::with_status(status, code, format!("injected refusal of {action}"));
        self.0.lock().unwrap().refusing.insert(action.to_owned(), (calls, refused));
    }

    /// Runs `hook` once, before the next call of `action` is carried out: what happens meanwhile elsewhere.
    pub fn before(&self, action: &str, hook: impl FnOnce() + Send + 'static) {
        self.0.lock().unwrap().hooks.insert(action.to_owned(), Box::new(hook));
    }

    /// Carries out `calls` more calls, whatever their action, and fails every one after them: the process was killed.
    pub fn die_after(&self, calls: usize) {
        self.life().die_after(calls);
    }

    /// Ends [`Control::die_after`].
    pub fn revive(&self) {
        self.life().revive();
    }

    /// The life that the calls count in.
    pub fn life(&self) -> Life {
        self.0.lock().unwrap().life.clone()
    }

    /// Carries out a call of `action`, unless a test has decided otherwise.
    pub(crate) fn carry_out<T>(&self, action: &str, act: impl FnOnce() -> Result<T, Refused>) -> Result<T, Refused> {
        let lost = self.judge(action)?;
        let answer = act()?;
        if lost { Err(Refused::broken(action)) } else { Ok(answer) }
    }

    /// What becomes of a call of `action`: refused before it is carried out, or its answer lost.
    fn judge(&self, action: &str) -> Result<bool, Refused> {
        let mut faults = self.0.lock().unwrap();
        *faults.calls.entry(action.to_owned()).or_default() += 1;
        if !faults.life.spend() {
            return Err(Refused::dead(action));
        }
        if let Some(hook) = faults.hooks.remove(action) {
            // The hook may call the same double.
            drop(faults);
            hook();
            faults = self.0.lock().unwrap();
        }
        if faults.denied.contains(action) {
            return Err(Refused::denied(action));
        }
        if take(&mut faults.failing, action) {
            return Err(Refused::broken(action));
        }
        if let Some((left, refused)) = faults.refusing.get_mut(action).filter(|(left, _)| *left > 0) {
            *left -= 1;
            return Err(refused.clone());
        }
        Ok(take(&mut faults.losing, action))
    }
}

fn take(left: &mut BTreeMap<String, usize>, action: &str) -> bool {
    left.get_mut(action).filter(|left| **left > 0).map(|left| *left -= 1).is_some()
}

/// What stands at the other end of the network.
pub(crate) trait Endpoint: Debug + Send + Sync + 'static {
    /// Answers one request, under the faults that a test wants.
    fn answer(&self, request: &HttpRequest, body: &[u8], control: &Control) -> HttpResponse;
}

impl<S: Service> Endpoint for S {
    fn answer(&self, request: &HttpRequest, body: &[u8], control: &Control) -> HttpResponse {
        let (action, input) = read::<S>(request, body);
        let answer = control.carry_out(&action, || self.call(&action, &input));
        let (status, body) = match S::PROTOCOL {
            Protocol::Json => json_answer(answer),
            Protocol::Query => xml_answer(&action, answer),
        };
        response(status, body.into_bytes())
    }
}

/// A response that nothing but the body is known of.
pub(crate) fn response(status: u16, body: Vec<u8>) -> HttpResponse {
    let mut response = HttpResponse::new(status.try_into().expect("a status"), SdkBody::from(body));
    response.headers_mut().insert("x-amzn-requestid", "test-request");
    response
}

/// The place of the network: hands what the SDK sends to a double.
#[derive(Debug)]
pub(crate) struct Network<S> {
    service: Arc<S>,
    control: Control,
}

impl<S> Network<S> {
    pub(crate) fn new(service: &Arc<S>, control: &Control) -> Self {
        Self { service: Arc::clone(service), control: control.clone() }
    }
}

impl<S> Clone for Network<S> {
    fn clone(&self) -> Self {
        Self::new(&self.service, &self.control)
    }
}

impl<S: Endpoint> HttpClient for Network<S> {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl<S: Endpoint> HttpConnector for Network<S> {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let network = self.clone();
        HttpConnectorFuture::new(async move {
            // A call takes time: others get their turn meanwhile, as they would on a real network.
            tokio::task::yield_now().await;
            let body = ByteStream::new(request.take_body()).collect().await.expect("a body").into_bytes();
            Ok(network.service.answer(&request, &body, &network.control))
        })
    }
}

fn read<S: Service>(request: &HttpRequest, body: &[u8]) -> (String, Value) {
    match S::PROTOCOL {
        Protocol::Json => {
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let action = target.rsplit('.').next().unwrap_or_default().to_owned();
            (action, serde_json::from_slice(body).expect("a JSON body"))
        }
        Protocol::Query => {
            let form = form(std::str::from_utf8(body).expect("a form"));
            (form["Action"].as_str().unwrap_or_default().to_owned(), Value::Object(form))
        }
    }
}

fn form(body: &str) -> Map<String, Value> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8().expect("UTF-8").into_owned();
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decode(name), Value::String(decode(value)))).collect()
}

fn json_answer(answer: Result<Value, Refused>) -> (u16, String) {
    match answer {
        Ok(answer) => (200, answer.to_string()),
        Err(refused) => (refused.status, json!({"__type": refused.code, "message": refused.message}).to_string()),
    }
}

fn xml_answer(action: &str, answer: Result<Value, Refused>) -> (u16, String) {
    match answer {
        Ok(answer) => {
            let mut elements = String::new();
            for (name, value) in answer.as_object().into_iter().flatten() {
                let _ = write!(elements, "<{name}>{}</{name}>", value.as_str().unwrap_or_default());
            }
            (200, format!("<{action}Response><{action}Result>{elements}</{action}Result></{action}Response>"))
        }
        Err(Refused { status, code, message }) => {
            let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
            (status, format!("<ErrorResponse>{error}<RequestId>test-request</RequestId></ErrorResponse>"))
        }
    }
}

/// A member that the SDK always sends.
pub(crate) fn text<'a>(input: &'a Value, name: &str) -> Result<&'a str, Refused> {
    input[name].as_str().ok_or_else(|| Refused::new("ValidationException", format!("{name} is missing")))
}

/// A member that is bytes.
pub(crate) fn bytes(input: &Value, name: &str) -> Result<Vec<u8>, Refused> {
    let decoded = STANDARD.decode(text(input, name)?);
    decoded.map_err(|_| Refused::new("SerializationException", format!("{name} is not base64")))
}

/// Bytes as a member.
pub(crate) fn blob(bytes: &[u8]) -> Value {
    Value::String(STANDARD.encode(bytes))
}

/// The configuration that the doubles' clients share, for the crate of each: no retries, so that what a test fails
/// stays failed.
macro_rules! client {
    ($sdk:ident, $network:expr) => {
        $sdk::Client::from_conf(
            $sdk::Config::builder()
                .behavior_version($sdk::config::BehaviorVersion::latest())
                .region($sdk::config::Region::new("us-east-1"))
                .credentials_provider(aws_credential_types::Credentials::for_tests())
                .retry_config($sdk::config::retry::RetryConfig::disabled())
                .http_client($network)
                .build(),
        )
    };
}
pub(crate) use client;
