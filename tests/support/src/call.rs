//! Calls to an API that people sign in to.

use std::ops::Deref;

use lambda_http::{Body, Request, Response};
use serde_json::Value;

use crate::answer::Answer;
use crate::gateway::GatewayRequest;
use crate::staff::{Someone, Staff};

/// An API and its people.
pub trait Api: Deref<Target = Staff> {
    /// The function that answers.
    type Process: Sync;

    /// The process that calls are made to.
    fn process_called(&self) -> &Self::Process;

    /// Has a process answer.
    fn handle(process: &Self::Process, request: Request) -> impl Future<Output = Response<Body>>;

    /// Fails unless an answer is what the API gives: what [`Answer::assert_common`] does not know.
    fn assert_answer(request: &GatewayRequest, answer: &Answer);
}

/// A call to be made.
pub struct Call<'a, A> {
    api: &'a A,
    request: GatewayRequest,
}

impl<A> Clone for Call<'_, A> {
    fn clone(&self) -> Self {
        Self { api: self.api, request: self.request.clone() }
    }
}

impl<'a, A: Api> Call<'a, A> {
    /// A call in nobody's name.
    pub fn new(api: &'a A, method: &'static str, path: &str) -> Self {
        Self { api, request: GatewayRequest::new(method, path) }
    }

    /// Adds a header; one of that name that was given before stays too.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// With a code of a second factor.
    #[must_use]
    pub fn totp(self, code: &str) -> Self {
        self.header("X-MFA-TOTP", code)
    }

    /// With a token of somebody.
    #[must_use]
    pub fn by(self, someone: &Someone) -> Self {
        let token = self.api.token_of(someone);
        self.bearer(&token)
    }

    /// With a token of somebody and the next code of their second factor.
    #[must_use]
    pub fn stepped_up(self, someone: &Someone) -> Self {
        let code = self.api.code(&someone.person_id);
        self.by(someone).totp(&code)
    }

    /// With an API key.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("X-API-Key", key)
    }

    /// With a name for the call that makes its repeats the same call.
    #[must_use]
    pub fn idempotency_key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    /// Adds a query parameter; one of that name that was given before stays too.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.request.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A JSON body.
    #[must_use]
    pub fn body(self, body: &Value) -> Self {
        self.text(&body.to_string())
    }

    /// A body that says that it is JSON.
    #[must_use]
    pub fn text(mut self, body: &str) -> Self {
        self.request.body = Some(body.to_owned());
        self.header("Content-Type", "application/json")
    }

    /// From another address than the usual one.
    #[must_use]
    pub fn from(mut self, address: &str) -> Self {
        address.clone_into(&mut self.request.address);
        self
    }

    /// Makes the call, and checks what holds of every answer.
    pub async fn send(&self) -> Answer {
        self.send_to(self.api.process_called()).await
    }

    /// The same to another process.
    pub async fn send_to(&self, process: &A::Process) -> Answer {
        let answer = Answer::new(&A::handle(process, self.request.request()).await);
        answer.assert_common();
        A::assert_answer(&self.request, &answer);
        answer
    }
}
