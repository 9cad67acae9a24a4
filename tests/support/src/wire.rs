//! The wire between the SDK and a service: counts what is sent, and fails what a test wants to fail.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// What a test does between two calls of the code that it tests.
type Hook = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    sent: BTreeMap<String, usize>,
    failing: BTreeMap<String, usize>,
    hooks: BTreeMap<String, Hook>,
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

    /// Runs `hook` once, when the next request of `action` is about to leave: what happens meanwhile elsewhere.
    pub fn before(&self, action: &str, hook: impl FnOnce() + Send + 'static) {
        self.0.lock().unwrap().hooks.insert(action.to_owned(), Box::new(hook));
    }
}

impl Intercept for Wire {
    fn name(&self) -> &'static str {
        "wire"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let target = context.request().headers().get("x-amz-target").unwrap_or_default();
        let action = target.rsplit('.').next().unwrap_or_default().to_owned();
        let hook = self.0.lock().unwrap().hooks.remove(&action);
        if let Some(hook) = hook {
            hook();
        }
        let mut state = self.0.lock().unwrap();
        *state.sent.entry(action.clone()).or_default() += 1;
        match state.failing.get_mut(&action) {
            Some(left) if *left > 0 => {
                *left -= 1;
                Err(format!("injected failure of {action}").into())
            }
            _ => Ok(()),
        }
    }
}
