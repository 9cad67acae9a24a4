//! The API over HTTP, as the commands call it.

mod arguments;
mod call;
mod refusal;

use std::cell::RefCell;
use std::time::Duration;

use engine_aws::https::HttpsClient;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use zeroize::Zeroizing;

pub(crate) use arguments::{ApiArguments, ListArguments};
pub(crate) use refusal::Refusal;

use crate::error::Error;
use crate::input::{Code, ask_for_code};
use crate::stack::new_id;

/// Longest wait for an answer: what API Gateway gives a function.
const TIMEOUT: Duration = Duration::from_secs(30);
/// What RFC 3986 leaves as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What the caller shows.
pub(crate) enum Credential {
    /// An access token of a person.
    Token(Zeroizing<String>),
    /// A client's key.
    ApiKey(Zeroizing<String>),
    /// Nothing but what the body holds.
    Body,
}

/// The API of a stack, and who calls it.
pub(crate) struct Api {
    http: HttpsClient,
    base: String,
    credential: Credential,
    totp: RefCell<Option<Code>>,
    ask: fn() -> Result<Option<Code>, Error>,
    json: bool,
}

impl Api {
    /// For somebody with a token.
    pub(crate) fn find(arguments: ApiArguments) -> Result<Self, Error> {
        let token = arguments.token()?;
        Self::with(arguments, Credential::Token(token))
    }

    /// For somebody with another credential.
    pub(crate) fn with(arguments: ApiArguments, credential: Credential) -> Result<Self, Error> {
        let base = arguments.base()?;
        let totp = arguments.totp.into();
        Ok(Self { http: HttpsClient::new(TIMEOUT), base, credential, totp, ask: ask_for_code, json: arguments.json })
    }

    /// Whether the caller wants JSON.
    pub(crate) const fn json(&self) -> bool {
        self.json
    }

    /// Reads.
    pub(crate) async fn read(&self, path: &str) -> Result<Value, Error> {
        self.send("GET", path, None, None).await
    }

    /// Changes something, once: whoever repeats the request finds it done. Where a code of the second factor is missing, it is asked for.
    pub(crate) async fn change(&self, method: &str, path: &str, body: &Value) -> Result<Value, Error> {
        let once = new_id()?.to_string();
        // A code works once, so it is sent once.
        let code = self.totp.take();
        let missing = match self.send(method, path, Some((&once, body)), code.as_ref()).await {
            Err(Error::Api(refusal)) if code.is_none() && refusal.asks_for_code() => refusal,
            done => return done,
        };
        match (self.ask)()? {
            Some(code) => self.send(method, path, Some((&once, body)), Some(&code)).await,
            None => Err(Error::Api(missing)),
        }
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        change: Option<(&str, &Value)>,
        code: Option<&Code>,
    ) -> Result<Value, Error> {
        let url = format!("{}{path}", self.base);
        let bearer = match &self.credential {
            Credential::Token(token) => Zeroizing::new(format!("Bearer {}", token.as_str())),
            Credential::ApiKey(_) | Credential::Body => Zeroizing::default(),
        };
        let code = code.map(Code::digits).transpose()?;
        let mut headers = vec![("Accept", "application/json")];
        match &self.credential {
            Credential::Token(_) => headers.push(("Authorization", &bearer)),
            Credential::ApiKey(key) => headers.push(("X-API-Key", key)),
            Credential::Body => {}
        }
        headers.extend(code.as_ref().map(|code| ("X-MFA-TOTP", code.as_str())));
        headers.extend(change.map(|(once, _)| ("Idempotency-Key", once)));
        headers.extend(change.map(|_| ("Content-Type", "application/json")));
        let body = change.map(|(_, body)| body.to_string().into_bytes()).unwrap_or_default();
        let answer = self.http.send(method, &url, &headers, body).await;
        let answer =
            answer.map_err(|cause| Error::Unanswered { cause: cause.to_string(), changing: change.is_some() })?;
        if !(200..300).contains(&answer.status) {
            let by_token = matches!(self.credential, Credential::Token(_));
            return Err(Error::Api(Box::new(Refusal::read(&answer, by_token))));
        }
        if answer.body.is_empty() {
            return Ok(json!({}));
        }
        let value: Option<Value> = serde_json::from_slice(&answer.body).ok();
        value
            .filter(Value::is_object)
            .ok_or_else(|| Error::Answer("the API", "something that is no JSON object: check --api-url".to_owned()))
    }
}

/// A path of these segments.
pub(crate) fn path(segments: &[&str]) -> String {
    segments.iter().flat_map(|segment| ["/".to_owned(), escape(segment)]).collect()
}

/// A value of a query, or a segment of a path.
fn escape(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// A body without the members that were not given.
pub(crate) fn given(mut body: Value) -> Value {
    if let Some(members) = body.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    body
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread::{self, JoinHandle};

    use super::*;

    /// Answers two requests, the first with a problem of that code, and returns their heads.
    fn serve(listener: TcpListener, code: &'static str) -> JoinHandle<Vec<String>> {
        let answer = move |(status, body): (u16, String)| {
            let (mut connection, _) = listener.accept().unwrap();
            let mut head = [0; 4096];
            let read = connection.read(&mut head).unwrap();
            let length = body.len();
            write!(connection, "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
                .unwrap();
            String::from_utf8_lossy(&head[..read]).to_lowercase()
        };
        let problem = format!(r#"{{"code": "{code}", "detail": "D."}}"#);
        thread::spawn(move || [(403, problem), (200, "{}".to_owned())].map(answer).to_vec())
    }

    fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    #[tokio::test]
    async fn a_missing_code_is_asked_for_and_the_same_request_sent_with_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut api = Api {
            http: HttpsClient::new(TIMEOUT),
            base: format!("http://{}", listener.local_addr().unwrap()),
            credential: Credential::Token(Zeroizing::new("t".to_owned())),
            totp: RefCell::default(),
            ask: || Ok(Some(Code::from("123456".to_owned()))),
            json: false,
        };
        let served = serve(listener, "step_up_required");
        api.change("POST", "/a", &json!({})).await.unwrap();
        let heads = served.join().unwrap();
        assert_eq!(heads.iter().map(|head| header(head, "x-mfa-totp")).collect::<Vec<_>>(), [None, Some("123456")]);
        let keys: Vec<_> = heads.iter().map(|head| header(head, "idempotency-key")).collect();
        assert!(keys[0].is_some() && keys[0] == keys[1], "{keys:?}");

        for (code, sent) in [("step_up_failed", None), ("step_up_required", Some("654321"))] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            api.base = format!("http://{}", listener.local_addr().unwrap());
            api.totp = RefCell::new(sent.map(|code| Code::from(code.to_owned())));
            let _served = serve(listener, code);
            let refused = api.change("POST", "/a", &json!({})).await;
            assert!(matches!(refused, Err(Error::Api(_))), "nobody is asked where no code is missing: {code}");
        }
    }

    #[test]
    fn what_stands_in_a_path_stays_in_its_segment() {
        assert_eq!(path(&["admin", "a/../b?c#d", "dana@example.com"]), "/admin/a%2F..%2Fb%3Fc%23d/dana%40example.com");
        assert_eq!(given(json!({ "a": null, "b": false })), json!({ "b": false }));
    }
}
