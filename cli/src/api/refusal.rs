//! The API's answer where it says no, in words that say what to do about it.

use std::fmt;

use engine_aws::https::HttpAnswer;
use engine_core::field::FieldError;
use serde_json::Value;

use crate::error::options;
use crate::exit::Exit;
use crate::show::plain;

/// What an action that needs a second factor is refused with, where no code was sent.
const STEP_UP_REQUIRED: &str = "step_up_required";

/// A refusal: an RFC 9457 problem, or what can be made of an answer that is none.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: u16,
    code: String,
    detail: String,
    fields: Vec<FieldError>,
    request_id: Option<String>,
    retry_after: Option<String>,
    by_token: bool,
}

impl Refusal {
    /// Reads an answer. `by_token` says that the caller showed a token, not a key or a code.
    pub(super) fn read(answer: &HttpAnswer, by_token: bool) -> Self {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let text = |value: &Value, name: &str| value[name].as_str().map(plain);
        let field = |error: &Value| Some(FieldError::new(&text(error, "field")?, text(error, "message")?));
        Self {
            status: answer.status,
            code: text(&body, "code").unwrap_or_else(|| format!("status {}", answer.status)),
            detail: text(&body, "detail").unwrap_or_else(|| "The API refused without saying why.".to_owned()),
            fields: body["errors"].as_array().into_iter().flatten().filter_map(field).collect(),
            request_id: text(&body, "request_id").or_else(|| answer.header("x-request-id").map(plain)),
            retry_after: answer.header("retry-after").map(plain),
            by_token,
        }
    }

    /// A refusal that came without HTTP around it.
    pub(crate) fn of_problem(problem: &Value) -> Self {
        let text = |name: &str| problem[name].as_str().map(plain);
        Self {
            status: 0,
            code: text("code").unwrap_or_else(|| "no code".to_owned()),
            detail: text("detail").unwrap_or_else(|| "The function refused without saying why.".to_owned()),
            fields: Vec::new(),
            request_id: text("request_id"),
            retry_after: problem["retry_after_seconds"].as_u64().map(|seconds| seconds.to_string()),
            by_token: false,
        }
    }

    /// Whether a code of the second factor is all that is missing.
    pub(super) fn asks_for_code(&self) -> bool {
        self.code == STEP_UP_REQUIRED
    }

    /// What can be done about it, where something can.
    fn advice(&self) -> Option<String> {
        let text = match (self.code.as_str(), self.status) {
            (STEP_UP_REQUIRED, _) => "give a code of your second factor with --totp or ENGINE_TOTP",
            ("step_up_failed", _) => "a code works once, whatever it is used for: wait for the next one",
            ("step_up_not_enrolled", _) => "enrol a second factor first: engine principals enrol",
            ("not_permitted", _) => "the account's roles or the token's do not permit it: see engine roles list",
            ("bootstrap_closed", _) => "get a token from the company's own sign-in",
            ("idempotency_mismatch", _) => "run the command again",
            ("step_up_locked" | "unavailable", _) | (_, 429 | 502..=504) => {
                return Some(match &self.retry_after {
                    Some(seconds) => format!("try again in {seconds} s"),
                    None => "try again later".to_owned(),
                });
            }
            ("not_authenticated", _) if self.by_token => {
                "the token is not accepted or has run out: get another, and set ENGINE_TOKEN"
            }
            ("conflict", _) => "look at how it stands with show or list before trying again",
            (_, 300..=399 | 405) => "check --api-url",
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// The exit status that scripts see.
    pub(crate) fn exit(&self) -> Exit {
        let passing = matches!(self.code.as_str(), "step_up_locked" | "unavailable" | "too_many_failures");
        if passing || matches!(self.status, 429 | 502..=504) { Exit::Unavailable } else { Exit::Failed }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail.trim_end_matches('.'), self.code)?;
        if !self.fields.is_empty() {
            write!(f, ": {}", options(&self.fields))?;
        }
        for part in self.advice().into_iter().chain(self.request_id.as_ref().map(|id| format!("request {id}"))) {
            write!(f, "; {part}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> HttpAnswer {
        let header = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        HttpAnswer { status, headers: headers.iter().map(header).collect(), body: body.as_bytes().to_vec().into() }
    }

    #[test]
    fn a_problem_names_code_options_and_request() {
        let body = r#"{"code": "invalid_request", "detail": "Not valid.", "request_id": "r-1", "errors": [
            {"field": "rate_limit", "message": "must be 60"}, {"field": "terms.markup_percentage", "message": "is required"}]}"#;
        let refusal = Refusal::read(&answer(400, &[], body), true);
        let text = "Not valid (invalid_request): --rate-limit must be 60; --markup is required; request r-1";
        assert_eq!(refusal.to_string(), text);
        assert_eq!(refusal.exit(), Exit::Failed);
    }

    #[test]
    fn each_refusal_says_what_to_do_and_whether_to_try_again() {
        for (status, code, advice, exit) in [
            (401, "not_authenticated", "set ENGINE_TOKEN", Exit::Failed),
            (403, "step_up_required", "--totp", Exit::Failed),
            (403, "step_up_failed", "wait for the next one", Exit::Failed),
            (403, "step_up_not_enrolled", "engine principals enrol", Exit::Failed),
            (403, "not_permitted", "engine roles list", Exit::Failed),
            (409, "conflict", "before trying again", Exit::Failed),
            (422, "idempotency_mismatch", "again", Exit::Failed),
            (429, "too_many_failures", "try again in 7 s", Exit::Unavailable),
            (429, "step_up_locked", "try again in 7 s", Exit::Unavailable),
            (503, "unavailable", "try again in 7 s", Exit::Unavailable),
            (404, "resource_not_found", "D (resource_not_found)", Exit::Failed),
            (500, "internal_error", "D (internal_error)", Exit::Failed),
        ] {
            let body = format!(r#"{{"code": "{code}", "detail": "D."}}"#);
            let refusal = Refusal::read(&answer(status, &[("retry-after", "7")], &body), true);
            assert!(refusal.to_string().contains(advice), "{refusal}");
            assert_eq!(refusal.exit(), exit, "{code}");
        }
    }

    #[test]
    fn what_is_no_problem_is_still_told() {
        let refusal = Refusal::read(&answer(502, &[("x-request-id", "r-2")], "<html>"), true);
        let text = "The API refused without saying why (status 502); try again later; request r-2";
        assert_eq!((refusal.to_string().as_str(), refusal.exit()), (text, Exit::Unavailable));
    }

    #[test]
    fn an_answer_cannot_write_to_the_terminal_by_itself() {
        let refusal = Refusal::read(&answer(400, &[], r#"{"code": "c", "detail": "\u001b[2Jgone"}"#), true);
        assert!(!refusal.to_string().contains('\u{1b}'), "{refusal}");
    }
}
