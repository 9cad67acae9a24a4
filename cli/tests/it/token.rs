//! `engine token`, against a double of Lambda's Invoke.

use serde_json::{Value, json};

use crate::engine::{Run, command, finish, run};
use crate::http::{Answer, Http};

fn token(http: &Http, arguments: &[&str]) -> Run {
    let mut command = command(&[&["token"], arguments].concat());
    command
        .env("ENGINE_STACK", "desk")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_ENDPOINT_URL", &http.url);
    finish(command, "")
}

fn answer() -> Value {
    json!({ "access_token": "eyJ0.b.c", "token_type": "Bearer", "expires_in": 900 })
}

#[test]
fn the_token_alone_is_on_standard_output() {
    let http = Http::answering(&[Answer::json(&answer())]);
    let run = token(&http, &["--totp", "123456"]);
    assert_eq!((run.status, run.stdout.as_str()), (Some(0), "eyJ0.b.c\n"), "{run:?}");
    assert_eq!(run.stderr, "The token is good for 15 minutes.\n");
    let asked = &http.asked()[0];
    let path = "/2015-03-31/functions/desk-token/invocations?Qualifier=live";
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", path));
    assert_eq!(asked.json(), json!({ "bootstrap": { "totp": "123456" } }));
}

#[test]
fn machines_get_the_whole_answer() {
    let run = token(&Http::answering(&[Answer::json(&answer())]), &["--totp", "123456", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&run.stdout).unwrap(), answer());
}

#[test]
fn a_refusal_leaves_standard_output_empty() {
    let problem = |code: &str| {
        Answer::json(&json!({ "problem": { "code": code, "detail": "Told so.", "retry_after_seconds": 900 } }))
    };
    for (answer, status, told) in [
        (problem("step_up_failed"), 1, "error: Told so (step_up_failed); a code works once"),
        (
            problem("bootstrap_closed"),
            1,
            "error: Told so (bootstrap_closed); get a token from the company's own sign-in",
        ),
        (problem("step_up_locked"), 4, "error: Told so (step_up_locked); try again in 900 s"),
        (
            Answer(200, "X-Amz-Function-Error: Unhandled", "{}".to_owned()),
            1,
            "error: lambda:Invoke answered with an error of desk-token",
        ),
        (Answer(200, "", "{}".to_owned()), 1, "error: lambda:Invoke answered with neither a token nor a problem"),
        (Answer(200, "", "nonsense".to_owned()), 1, "error: lambda:Invoke answered with something that is not JSON"),
        (Answer(403, "", json!({ "Message": "no" }).to_string()), 1, "error: lambda:Invoke was refused"),
    ] {
        let http = Http::answering(&[answer]);
        let run = token(&http, &["--totp", "123456"]);
        assert_eq!((run.status, run.stdout.as_str()), (Some(status), ""), "{run:?}");
        assert!(run.stderr.starts_with(told) && !run.stderr.contains("123456"), "{}", run.stderr);
        assert_eq!(http.asked().len(), 1);
    }
}

#[test]
fn a_function_that_fails_is_not_asked_again_with_the_same_code() {
    let http = Http::answering(&[Answer(500, "", "{}".to_owned()), Answer::json(&answer())]);
    assert_ne!(token(&http, &["--totp", "123456"]).status, Some(0));
    assert_eq!(http.asked().len(), 1);
}

#[test]
fn without_a_code_nothing_is_asked() {
    let http = Http::answering(&[]);
    let without = token(&http, &[]);
    assert_eq!((without.status, without.stdout.as_str()), (Some(1), ""));
    assert!(without.stderr.contains("--totp or ENGINE_TOTP"), "{}", without.stderr);
    let wrong = token(&http, &["--totp", "GEZDGNBVGY3TQOJQ"]);
    assert_eq!(wrong.stderr, "error: --totp must be 6 digits\n");
    assert!(http.asked().is_empty());
    assert!(!run(&["token", "--help"], "").stdout.is_empty());
}
