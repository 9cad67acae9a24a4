//! The wire between the SDK and a service: counts what is sent, and fails what a test wants to fail.

use std::collections::{BTreeMap, VecDeque};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};

use crate::life::Life;

/// What a test does between two calls of the code that it tests.
type Hook = Box<dyn FnOnce() + Send>;

/// What DynamoDB answers to an update of an item that a transaction is changing.
pub const UPDATE_BUSY: &str =
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionConflictException","message":"Transaction is ongoing"}"#;

/// What DynamoDB answers to a transaction that was cancelled for these reasons, one a change.
pub fn cancelled(codes: &[&str]) -> String {
    let reasons: Vec<_> = codes.iter().map(|code| format!(r#"{{"Code":"{code}"}}"#)).collect();
    format!(
        r#"{{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"cancelled","CancellationReasons":[{}]}}"#,
        reasons.join(",")
    )
}

/// The body of an answer that takes the place of the service's.
#[derive(Clone, Debug)]
struct Answer(String);

impl Storable for Answer {
    type Storer = StoreReplace<Self>;
}

#[derive(Default)]
struct State {
    life: Life,
    sent: BTreeMap<String, usize>,
    failing: BTreeMap<String, usize>,
    answers: BTreeMap<String, VecDeque<Answer>>,
    hooks: BTreeMap<String, Hook>,
    /// What is not answered, and who does not answer it.
    silent: BTreeMap<String, TcpListener>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("sent", &self.sent).field("failing", &self.failing).finish_non_exhaustive()
    }
}

/// An SDK interceptor at the point of transmission: every attempt passes here, retries included.
#[derive(Clone, Debug, Default)]
pub struct Wire(Arc<Mutex<State>>);

impl Wire {
    /// One whose requests count in `life`, with those to the other services that the same process calls.
    pub fn of(life: &Life) -> Self {
        Self(Arc::new(Mutex::new(State { life: life.clone(), ..State::default() })))
    }

    /// Lets `requests` more requests through, whatever their action, and fails every one after them before it reaches
    /// the service: the process was killed.
    pub fn die_after(&self, requests: usize) {
        self.life().die_after(requests);
    }

    /// Ends [`Wire::die_after`].
    pub fn revive(&self) {
        self.life().revive();
    }

    /// The life that the requests count in.
    pub fn life(&self) -> Life {
        self.0.lock().unwrap().life.clone()
    }

    /// Requests sent since the last [`Wire::reset`], by action (`PutItem` …).
    pub fn sent(&self) -> BTreeMap<String, usize> {
        self.0.lock().unwrap().sent.clone()
    }

    /// Requests sent in all.
    pub fn total(&self) -> usize {
        self.sent().values().sum()
    }

    /// Forgets what was sent.
    pub fn reset(&self) {
        self.0.lock().unwrap().sent.clear();
    }

    /// Makes the next `attempts` requests of `action` fail before they reach the service.
    pub fn fail(&self, action: &str, attempts: usize) {
        self.0.lock().unwrap().failing.insert(action.to_owned(), attempts);
    }

    /// Answers the next `attempts` requests of `action` with status 400 and `body`. The service does nothing for them.
    pub fn refuse(&self, action: &str, attempts: usize, body: &str) {
        let answers = vec![Answer(body.to_owned()); attempts].into();
        self.0.lock().unwrap().answers.insert(action.to_owned(), answers);
    }

    /// Leaves every request of `action` without an answer from here on.
    pub fn silence(&self, action: &str) {
        let nobody = TcpListener::bind("127.0.0.1:0").expect("a free port");
        self.0.lock().unwrap().silent.insert(action.to_owned(), nobody);
    }

    /// Runs `hook` once, when the next request of `action` is about to leave: what happens meanwhile elsewhere.
    pub fn before(&self, action: &str, hook: impl FnOnce() + Send + 'static) {
        self.0.lock().unwrap().hooks.insert(action.to_owned(), Box::new(hook));
    }
}

impl Intercept for Wire {
    fn name(&self) -> &'static str {
        "wire"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let target = context.request().headers().get("x-amz-target").unwrap_or_default();
        let action = target.rsplit('.').next().unwrap_or_default().to_owned();
        if !self.life().spend() {
            *self.0.lock().unwrap().sent.entry(action.clone()).or_default() += 1;
            return Err(format!("{action} of a process that has ended").into());
        }
        let hook = self.0.lock().unwrap().hooks.remove(&action);
        if let Some(hook) = hook {
            hook();
        }
        let mut state = self.0.lock().unwrap();
        *state.sent.entry(action.clone()).or_default() += 1;
        if let Some(answer) = state.answers.get_mut(&action).and_then(VecDeque::pop_front) {
            // The request goes out as one of an action that there is not, so that nothing comes of it.
            context.request_mut().headers_mut().insert("x-amz-target", "DynamoDB_20120810.Nothing");
            config.interceptor_state().store_put(answer);
        }
        if let Some(nobody) = state.silent.get(&action) {
            context.request_mut().set_uri(format!("http://{}/", nobody.local_addr()?))?;
        }
        match state.failing.get_mut(&action) {
            Some(left) if *left > 0 => {
                *left -= 1;
                Err(format!("injected failure of {action}").into())
            }
            _ => Ok(()),
        }
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(Answer(body)) = config.load::<Answer>().cloned() {
            config.interceptor_state().unset::<Answer>();
            *context.response_mut() = HttpResponse::new(400.try_into()?, SdkBody::from(body));
        }
        Ok(())
    }
}
