//! The token endpoint: the real function, served over HTTP on loopback as API Gateway would.

use std::sync::Arc;

use engine_aws::secrets::SecretStore;
use engine_test_support::clock::ManualClock;
use engine_test_support::dynamo::{Dynamo, tables};
use engine_test_support::keys::actor_key;
use engine_test_support::kms::Kms;
use engine_test_support::secrets_manager::SecretsManager;
use engine_test_support::wire::Wire;
use serde_json::{Value, json};
use token::{Clients, Settings, TokenIssuer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::rig::ENVIRONMENT;

const FORM: &str = "application/x-www-form-urlencoded";

/// The endpoint. It ends with the value.
pub(crate) struct Endpoint {
    /// Where the API is, up to its version.
    pub(crate) api_url: String,
    issuer: Arc<TokenIssuer>,
    server: JoinHandle<()>,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Endpoint {
    pub(crate) async fn start(dynamo: &Dynamo, clock: &ManualClock) -> Self {
        let kms = Kms::new();
        let settings = Settings {
            environment: ENVIRONMENT.into(),
            people_table: tables::PEOPLE.into(),
            guard_table: tables::GUARD.into(),
            audit_table: tables::AUDIT.into(),
            audience: "borrow-rate-engine:test".into(),
            token_key: kms.signing_key(),
            actor_key_secret: "unused: the key is given".into(),
            totp_secret: "unused: nobody starts a stack here".into(),
        };
        let clients = Clients {
            dynamodb: dynamo.client_on(&Wire::default()),
            kms: kms.client(),
            secrets: SecretStore::new(SecretsManager::new().client()),
        };
        let issuer = Arc::new(TokenIssuer::new(clients, actor_key(), settings, clock.shared()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api_url = format!("http://{}/api/v1", listener.local_addr().unwrap());
        let shared = Arc::clone(&issuer);
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { api_url, issuer, server }
    }

    /// The status that a client is answered with that has read this document.
    pub(crate) async fn status(&self, document: &str) -> u64 {
        let read: Value = serde_json::from_str(document).unwrap();
        let (id, secret) = (read["client_id"].as_str().unwrap(), read["client_secret"].as_str().unwrap());
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        answer(&self.issuer, "POST", "/api/v1/oauth/token", FORM, &form).await["statusCode"].as_u64().unwrap()
    }
}

async fn answer(issuer: &TokenIssuer, method: &str, path: &str, content_type: &str, body: &str) -> Value {
    let event = json!({
        "resource": path, "path": path, "httpMethod": method,
        "headers": { "Content-Type": content_type }, "multiValueHeaders": { "Content-Type": [content_type] },
        "requestContext": { "identity": { "sourceIp": "192.0.2.10" }, "httpMethod": method, "stage": "live" },
        "body": body, "isBase64Encoded": false,
    });
    issuer.invoke(event, "invocation").await.unwrap()
}

/// Answers one request.
async fn serve(mut stream: TcpStream, issuer: Arc<TokenIssuer>) {
    let mut received = Vec::new();
    let (head, body) = loop {
        assert!(stream.read_buf(&mut received).await.unwrap() > 0, "the whole request");
        let text = String::from_utf8(received.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length: usize = header(head, "content-length").map_or(0, |length| length.parse().unwrap());
        if body.len() >= length {
            break (head.to_owned(), body.to_owned());
        }
    };
    let mut line = head.split(' ');
    let (method, path) = (line.next().unwrap(), line.next().unwrap());
    let content_type = header(&head, "content-type").unwrap_or_default();
    let answer = answer(&issuer, method, path, content_type, &body).await;
    let body = answer["body"].as_str().unwrap();
    let head = format!(
        "HTTP/1.1 {} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        answer["statusCode"].as_u64().unwrap(),
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(held, _)| held.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}
