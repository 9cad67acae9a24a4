//! The function, an account that it knows, and what it is told and answers.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine_aws::clock::{Clock, random_bytes};
use engine_aws::guard::Guard;
use engine_aws::kms::public_key;
use engine_aws::secrets::SecretStore;
use engine_core::access::service_account::ServiceAccountState;
use engine_core::access::token::{Claims, KeySet, TokenError, jwk_from_spki, verify};
use engine_core::access::totp::{STEP_SECONDS, TotpSecret, step_at};
use engine_core::access::{Administrators, CodeKind, KeyId, OneTimeCode, PersonId, PrincipalId, ServiceAccount};
use engine_core::audit::ActorType;
use engine_http::logging::{JsonLines, LevelFilter};
use engine_test_support::clock::ManualClock;
use engine_test_support::dynamo::{Dynamo, tables};
use engine_test_support::keys::actor_key;
use engine_test_support::kms::Kms;
use engine_test_support::secrets_manager::SecretsManager;
use engine_test_support::wire::Wire;
use jiff::Timestamp;
use serde_json::{Value, json};
use token::{Clients, Settings, TokenIssuer};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt;

pub(crate) const ENVIRONMENT: &str = "test";
pub(crate) const AUDIENCE: &str = "borrow-rate-engine:test";
pub(crate) const ACCOUNT: &str = "svc-risk-batch";
pub(crate) const PATH: &str = "/api/v1/oauth/token";
pub(crate) const ADDRESS: &str = "192.0.2.10";
/// The id of every invocation, as Lambda would give it.
pub(crate) const INVOCATION: &str = "8f5e4d4f-9a3a-4c6d-8f5e-2b119f2c0a7e";
/// The bootstrap administrator's secret: 20 bytes.
pub(crate) const TOTP_SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

pub(crate) struct Rig {
    pub(crate) dynamo: Dynamo,
    pub(crate) kms: Kms,
    pub(crate) secrets: SecretsManager,
    pub(crate) clock: ManualClock,
    pub(crate) function: TokenIssuer,
    /// The client secret of [`ACCOUNT`].
    pub(crate) secret: String,
    token_key: String,
    totp_secret: String,
}

impl Rig {
    /// With [`ACCOUNT`], for which two scopes are approved.
    pub(crate) async fn start() -> Self {
        let (dynamo, kms, secrets) = (Dynamo::start().await, Kms::new(), SecretsManager::new());
        let clock = ManualClock::at("2026-01-15T22:00:00Z");
        let token_key = kms.signing_key();
        let totp_secret = secrets.put("bootstrap-totp", TOTP_SECRET);
        let function = function(&dynamo, &kms, &secrets, &clock, (&token_key, &totp_secret));
        let secret = new_secret(ENVIRONMENT);
        let rig = Self { dynamo, kms, secrets, clock, function, secret, token_key, totp_secret };
        rig.put_account(&account(ACCOUNT), &rig.secret, None).await;
        rig
    }

    /// A second process over the same tables.
    pub(crate) fn process(&self) -> TokenIssuer {
        let named = (self.token_key.as_str(), self.totp_secret.as_str());
        function(&self.dynamo, &self.kms, &self.secrets, &self.clock, named)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A client beside the function's.
    pub(crate) fn client(&self) -> aws_sdk_dynamodb::Client {
        self.dynamo.client_on(&Wire::default())
    }

    /// Puts a service account with the hashes of its secret and, if there is one, the next.
    pub(crate) async fn put_account(&self, account: &ServiceAccount, secret: &str, pending: Option<&str>) {
        let document = serde_json::to_string(account).unwrap();
        let mut put = self
            .client()
            .put_item()
            .table_name(tables::PEOPLE)
            .item("pk", AttributeValue::S("service_accounts".into()))
            .item("sk", AttributeValue::S(account.name.to_string()))
            .item("document", AttributeValue::S(document))
            .item("version", AttributeValue::N("1".into()))
            .item("current_hash", hash(secret));
        if let Some(pending) = pending {
            put = put.item("pending_hash", hash(pending));
        }
        put.send().await.unwrap();
    }

    /// Takes the hashes of the account's secrets away.
    pub(crate) async fn revoke(&self) {
        let revoked = self
            .client()
            .update_item()
            .table_name(tables::PEOPLE)
            .key("pk", AttributeValue::S("service_accounts".into()))
            .key("sk", AttributeValue::S(ACCOUNT.into()))
            .update_expression("REMOVE current_hash, pending_hash");
        revoked.send().await.unwrap();
    }

    /// Leaves the account a record that cannot be read.
    pub(crate) async fn tear_account(&self) {
        let torn = self
            .client()
            .update_item()
            .table_name(tables::PEOPLE)
            .key("pk", AttributeValue::S("service_accounts".into()))
            .key("sk", AttributeValue::S(ACCOUNT.into()))
            .update_expression("SET document = :torn")
            .expression_attribute_values(":torn", AttributeValue::S("{".into()));
        torn.send().await.unwrap();
    }

    /// When the account last got a token.
    pub(crate) async fn last_used_at(&self) -> Option<Timestamp> {
        let got = self
            .client()
            .get_item()
            .table_name(tables::PEOPLE)
            .key("pk", AttributeValue::S("service_accounts".into()))
            .key("sk", AttributeValue::S(ACCOUNT.into()));
        let item = got.send().await.unwrap().item.unwrap();
        let millis = item.get("last_used_at")?.as_n().unwrap().parse().unwrap();
        Some(Timestamp::from_millisecond(millis).unwrap())
    }

    /// Makes so many people administrators.
    pub(crate) async fn administrators(&self, people: usize) {
        let all = (0..people).fold(Administrators::default(), |all, person| {
            let account = PrincipalId::parse(&format!("admin-{person}")).unwrap();
            all.with(PersonId::parse(&format!("p-{person}")).unwrap(), account, self.now())
        });
        let put = self
            .client()
            .put_item()
            .table_name(tables::PEOPLE)
            .item("pk", AttributeValue::S("bootstrap".into()))
            .item("sk", AttributeValue::S("administrators".into()))
            .item("document", AttributeValue::S(serde_json::to_string(&all).unwrap()))
            .item("version", AttributeValue::N("1".into()));
        put.send().await.unwrap();
    }

    /// Makes a call to the API.
    pub(crate) async fn call(&self, call: &Call) -> Answer {
        self.call_to(&self.function, call).await
    }

    pub(crate) async fn call_to(&self, process: &TokenIssuer, call: &Call) -> Answer {
        let answer = Answer(process.invoke(call.event(), INVOCATION).await.unwrap());
        answer.assert_common();
        answer
    }

    /// Invokes the function as the bootstrap administrator.
    pub(crate) async fn bootstrap(&self, totp: &str) -> Value {
        self.function.invoke(json!({ "bootstrap": { "totp": totp } }), INVOCATION).await.unwrap()
    }

    /// The code of the bootstrap administrator's second factor, so many steps from now.
    pub(crate) fn code(&self, steps: i64) -> String {
        let step = step_at(self.now()).checked_add_signed(steps).unwrap();
        TotpSecret::from_base32(TOTP_SECRET).unwrap().code_at(step).expose().to_owned()
    }

    /// A code that is not one of those that are taken now.
    pub(crate) fn wrong_code(&self) -> String {
        let right: Vec<_> = (-1..=1).map(|steps| self.code(steps)).collect();
        (0..4).map(|number| format!("{number:06}")).find(|code| !right.contains(code)).unwrap()
    }

    /// Moves the clock on by one step, so that there is a new code.
    pub(crate) fn next_step(&self) {
        self.clock.advance(jiff::SignedDuration::from_secs(STEP_SECONDS.try_into().unwrap()));
    }

    /// What a token says, verified as its verifiers do: against the public half that KMS gives.
    pub(crate) async fn verify(&self, token: &str, issuer: &str) -> Result<Claims, TokenError> {
        let (key_id, spki) = public_key(&self.kms.client(), &self.token_key).await.unwrap();
        let jwks = format!(r#"{{"keys":[{}]}}"#, jwk_from_spki(&key_id, &spki).unwrap());
        verify(token, &KeySet::from_jwks(&jwks).unwrap(), issuer, AUDIENCE, self.now())
    }

    /// Headers and bodies of every entry, earliest first.
    pub(crate) async fn entries(&self) -> Vec<(Value, Value)> {
        let items = self.client().scan().table_name(tables::AUDIT).send().await.unwrap().items.unwrap_or_default();
        let json = |text: &AttributeValue| serde_json::from_str::<Value>(text.as_s().unwrap()).unwrap();
        let mut entries: Vec<_> = items.iter().map(|item| (json(&item["header"]), json(&item["body"]))).collect();
        entries.sort_by_key(|(header, _)| header["id"].as_str().unwrap().to_owned());
        entries
    }

    pub(crate) fn guard(&self) -> Guard {
        Guard::new(self.client(), tables::GUARD)
    }
}

fn function(
    dynamo: &Dynamo,
    kms: &Kms,
    secrets: &SecretsManager,
    clock: &ManualClock,
    (token_key, totp_secret): (&str, &str),
) -> TokenIssuer {
    let settings = Settings {
        environment: ENVIRONMENT.into(),
        people_table: tables::PEOPLE.into(),
        guard_table: tables::GUARD.into(),
        audit_table: tables::AUDIT.into(),
        audience: AUDIENCE.into(),
        token_key: token_key.into(),
        actor_key_secret: "unused: the key is given".into(),
        totp_secret: totp_secret.into(),
    };
    let clients = Clients { dynamodb: dynamo.client(), kms: kms.client(), secrets: SecretStore::new(secrets.client()) };
    TokenIssuer::new(clients, actor_key(), settings, clock.shared())
}

/// An active account, made two weeks before.
pub(crate) fn account(name: &str) -> ServiceAccount {
    ServiceAccount {
        name: engine_core::access::ServiceAccountName::parse(name).unwrap(),
        purpose: "nightly risk batch".into(),
        owner: PersonId::parse("p-100").unwrap(),
        scopes: BTreeSet::from(["rates:view".into(), "keys:read".into()]),
        state: ServiceAccountState::Active,
        created_at: "2026-01-01T00:00:00Z".parse().unwrap(),
        disabled_at: None,
        review: None,
        actor_ref: actor_key().actor_ref(ActorType::ServiceAccount, name),
    }
}

pub(crate) fn new_secret(environment: &str) -> String {
    let id = KeyId::from_random(random_bytes().unwrap());
    let secret = OneTimeCode::generate(CodeKind::ServiceAccount, environment, id, &random_bytes().unwrap()).unwrap();
    secret.expose().to_owned()
}

fn hash(secret: &str) -> AttributeValue {
    let code = OneTimeCode::parse(CodeKind::ServiceAccount, secret, ENVIRONMENT).unwrap();
    AttributeValue::B(Blob::new(code.hash().as_bytes()))
}

/// A call as API Gateway's REST proxy integration passes it on.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    method: &'static str,
    path: String,
    address: String,
    headers: Vec<(String, String)>,
    query: Vec<(String, String)>,
    body: String,
    is_base64: bool,
}

impl Call {
    /// A POST of a form.
    pub(crate) fn form(body: impl Into<String>) -> Self {
        let headers = vec![("Content-Type".into(), "application/x-www-form-urlencoded".into())];
        let body = body.into();
        Self {
            method: "POST",
            path: PATH.into(),
            address: ADDRESS.into(),
            headers,
            query: Vec::new(),
            body,
            is_base64: false,
        }
    }

    /// What a client sends that authenticates in the body.
    pub(crate) fn in_body(id: &str, secret: &str) -> Self {
        Self::form(format!("grant_type=client_credentials&client_id={id}&client_secret={secret}"))
    }

    /// The same by HTTP Basic.
    pub(crate) fn basic(id: &str, secret: &str) -> Self {
        let credentials = STANDARD.encode(format!("{id}:{secret}"));
        Self::form("grant_type=client_credentials").header("Authorization", &format!("Basic {credentials}"))
    }

    pub(crate) fn and(mut self, parameters: &str) -> Self {
        self.body.push_str(parameters);
        self
    }

    /// The same with its body in base64, as API Gateway passes on what it takes for binary.
    pub(crate) fn base64(self) -> Self {
        Self { body: STANDARD.encode(&self.body), is_base64: true, ..self }
    }

    pub(crate) fn method(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    pub(crate) fn path(self, path: &str) -> Self {
        Self { path: path.into(), ..self }
    }

    pub(crate) fn from(self, address: &str) -> Self {
        Self { address: address.into(), ..self }
    }

    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Sets a header, in place of one of that name.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(held, _)| !held.eq_ignore_ascii_case(name));
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(held, _)| !held.eq_ignore_ascii_case(name));
        self
    }

    fn event(&self) -> Value {
        let single: serde_json::Map<_, _> =
            self.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let multiple: serde_json::Map<_, _> =
            self.headers.iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
        let query: serde_json::Map<_, _> =
            self.query.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        json!({
            "resource": self.path, "path": self.path, "httpMethod": self.method,
            "headers": single, "multiValueHeaders": multiple,
            "queryStringParameters": query, "multiValueQueryStringParameters": null,
            "requestContext": { "identity": { "sourceIp": self.address }, "httpMethod": self.method, "stage": "live" },
            "body": self.body, "isBase64Encoded": self.is_base64,
        })
    }
}

/// An answer as API Gateway takes it.
#[derive(Clone, Debug)]
pub(crate) struct Answer(Value);

impl Answer {
    /// What an event is answered with.
    pub(crate) fn new(answer: Value) -> Self {
        Self(answer)
    }

    pub(crate) fn status(&self) -> u64 {
        self.0["statusCode"].as_u64().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.0["multiValueHeaders"][name].as_array().map(|values| {
            assert_eq!(values.len(), 1, "{name}");
            values[0].as_str().unwrap()
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.0["body"].as_str().unwrap()).unwrap()
    }

    /// The token, after making sure that there is one.
    pub(crate) fn token(&self) -> String {
        assert_eq!(self.status(), 200, "{}", self.0);
        self.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// Makes sure of status and error.
    pub(crate) fn error(&self, status: u64, error: &str) {
        let body = self.json();
        assert_eq!((self.status(), body["error"].as_str()), (status, Some(error)), "{}", self.0);
        assert_eq!(body.as_object().unwrap().len(), 2);
        let description = body["error_description"].as_str().unwrap();
        // RFC 6749 section 5.2.
        let allowed = |byte: u8| (0x20..=0x7e).contains(&byte) && byte != b'"' && byte != b'\\';
        assert!(!description.is_empty() && description.bytes().all(allowed), "{description}");
    }

    /// What holds of every answer of the API.
    fn assert_common(&self) {
        for (name, value) in [
            ("strict-transport-security", "max-age=63072000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(self.header(name), Some(value), "{name} of {}", self.0);
        }
        assert!(self.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        assert!(self.header("x-request-id").is_some());
        assert_eq!(self.header("retry-after").is_some(), matches!(self.status(), 429 | 503), "{}", self.0);
        assert_eq!(self.header("www-authenticate").is_some(), self.status() == 401, "{}", self.0);
        assert_eq!((&self.0["isBase64Encoded"], &self.0["headers"]), (&json!(false), &json!({})));
    }
}

/// What is logged as long as it lives, on the test's own thread.
pub(crate) struct Logged {
    lines: Arc<Mutex<Vec<String>>>,
    _installed: DefaultGuard,
}

impl Logged {
    /// Listens to everything there is to hear, however quiet.
    pub(crate) fn listen() -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&lines);
        let filter = LevelFilter::from_settings(Some("trace"), None);
        let clock = ManualClock::at("2026-01-15T22:00:00Z");
        let layer = JsonLines::new("token", filter, clock, move |line: &str| written.lock().unwrap().push(line.into()));
        let installed = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        Self { lines, _installed: installed }
    }

    pub(crate) fn text(&self) -> String {
        self.lines.lock().unwrap().concat()
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        self.lines.lock().unwrap().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Lines of security events for that reason.
    pub(crate) fn security_events(&self, reason: &str) -> usize {
        let is = |line: &Value| line["event_type"] == "SECURITY_EVENT" && line["details"]["reason"] == reason;
        self.lines().iter().filter(|line| is(line)).count()
    }
}
