#![doc = include_str!("../README.md")]

mod settings;

use std::fmt;

use engine_aws::audit_log::AuditLog;
use engine_aws::author::Author;
use engine_aws::clock::SharedClock;
use engine_aws::guard::{Guard, nobody};
use engine_aws::https::HttpsClient;
use engine_aws::issuers_mirror::{Fetched, IssuersMirror, Mirrored};
use engine_aws::kms::public_key;
use engine_core::access::token::{KeySet, KeySetError, OUR_ISSUER, PublicKeyError, jwk_from_spki};
use engine_core::audit::SecretKey;
use engine_http::logging::EventType;
use engine_http::run;
use serde::Serialize;

pub use settings::{KeysAt, Settings, SettingsError, Staff};

/// The function's name as an actor and in the record.
const FUNCTION: &str = "issuer-keys";
/// Most bytes of an issuer's answer.
pub const MOST_BYTES: usize = 1 << 18;

/// Mirrors keys and closes windows of refusals.
pub struct IssuerKeys {
    mirror: IssuersMirror,
    guard: Guard,
    audit: AuditLog,
    kms: aws_sdk_kms::Client,
    https: HttpsClient,
    actor_key: SecretKey,
    settings: Settings,
    clock: SharedClock,
}

/// What a run did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Whether our own keys changed.
    pub ours_changed: bool,
    /// Whether the staff issuer's keys changed.
    pub staff_changed: bool,
    /// Windows of refusals closed.
    pub windows_closed: usize,
}

/// Why a step was not done. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// A store, the key service or the issuer did not do it.
    #[error(transparent)]
    Store(#[from] engine_aws::Error),
    /// The issuer answered with something else than its keys.
    #[error("the issuer answered with status {0}")]
    Status(u16),
    /// What came is not a key set. The text is not quoted: it may be anything.
    #[error(transparent)]
    KeySet(#[from] KeySetError),
    /// The token key's public half is not one.
    #[error("the token key: {0}")]
    TokenKey(#[from] PublicKeyError),
}

/// Steps that were not done; the others were.
pub type RunError = run::RunError<&'static str, StepError>;

impl IssuerKeys {
    /// The function over the tables that `settings` names.
    #[must_use]
    pub fn new(
        dynamodb: aws_sdk_dynamodb::Client,
        kms: aws_sdk_kms::Client,
        https: HttpsClient,
        actor_key: SecretKey,
        settings: Settings,
        clock: SharedClock,
    ) -> Self {
        let audit = AuditLog::new(dynamodb.clone(), &settings.audit_table);
        Self {
            mirror: IssuersMirror::new(dynamodb.clone(), &settings.issuers_table, audit.clone()),
            guard: Guard::new(dynamodb, &settings.guard_table),
            audit,
            kms,
            https,
            actor_key,
            settings,
            clock,
        }
    }

    /// Makes one run. Each step is tried, whatever became of the others; one that fails, fails the run.
    pub async fn run(&self, request_id: &str) -> Result<Done, RunError> {
        let mut failed = Vec::new();
        let author = self.author(request_id);
        let former = noted("issuer_keys.predecessor", self.former().await, &mut failed).flatten();
        let ours = self.ours(former, &author).await;
        let staff = self.staff(&author).await;
        let closed = self.close(request_id).await;
        let done = Done {
            ours_changed: noted("issuer_keys.ours", ours, &mut failed) == Some(Mirrored::Changed),
            staff_changed: noted("issuer_keys.staff", staff, &mut failed).flatten() == Some(Mirrored::Changed),
            windows_closed: noted("refusals.close", closed, &mut failed).unwrap_or_default(),
        };
        if failed.is_empty() { Ok(done) } else { Err(run::RunError(failed)) }
    }

    /// The key that signed our tokens before, if there was one.
    async fn former(&self) -> Result<Option<Jwk>, StepError> {
        match &self.settings.token_key_predecessor {
            Some(key_arn) => Ok(Some(self.jwk(key_arn).await?)),
            None => Ok(None),
        }
    }

    /// Our own keys, from the service that signs with them. Where the former cannot be read, the tokens that are signed by now
    /// are verified all the same.
    async fn ours(&self, former: Option<Jwk>, author: &Author) -> Result<Mirrored, StepError> {
        let at = self.clock.now();
        let current = self.jwk(&self.settings.token_key).await?;
        let keys: Vec<_> = [Some(current), former].into_iter().flatten().map(|Jwk(key)| key).collect();
        let keys = KeySet::from_jwks(&format!(r#"{{"keys":[{}]}}"#, keys.join(",")))?;
        let fetched = Fetched { issuer: OUR_ISSUER, source: "kms", keys: &keys, at };
        Ok(self.mirror.put(fetched, author).await?)
    }

    async fn jwk(&self, key_arn: &str) -> Result<Jwk, StepError> {
        let (key_id, spki) = public_key(&self.kms, key_arn).await?;
        Ok(Jwk(jwk_from_spki(&key_id, &spki)?))
    }

    /// The staff issuer's keys, if there is such an issuer.
    async fn staff(&self, author: &Author) -> Result<Option<Mirrored>, StepError> {
        let Some(staff) = &self.settings.staff else { return Ok(None) };
        let at = self.clock.now();
        let (source, keys) = match &staff.keys {
            KeysAt::Document(document) => ("document", KeySet::from_jwks(document)?),
            KeysAt::Url(url) => (url.as_str(), self.fetch(url).await?),
        };
        let fetched = Fetched { issuer: &staff.issuer, source, keys: &keys, at };
        Ok(Some(self.mirror.put(fetched, author).await?))
    }

    async fn fetch(&self, url: &str) -> Result<KeySet, StepError> {
        let answer = self.https.send("GET", url, &[("accept", "application/json")], Vec::new()).await?;
        if answer.status != 200 {
            return Err(StepError::Status(answer.status));
        }
        let text = std::str::from_utf8(&answer.body).map_err(|_| KeySetError::NotAKeySet)?;
        Ok(KeySet::from_jwks(text)?)
    }

    async fn close(&self, request_id: &str) -> Result<usize, StepError> {
        let author = nobody(&self.actor_key, FUNCTION, request_id);
        Ok(self.guard.close_refusals(&self.audit, &author, self.clock.now()).await?)
    }

    fn author(&self, request_id: &str) -> Author {
        Author::system(FUNCTION, &self.actor_key, request_id)
    }
}

/// A public key of ours, as a JWK.
#[derive(Debug)]
struct Jwk(String);

/// What a step came to, after a line about it.
fn noted<T: fmt::Debug>(
    step: &'static str,
    result: Result<T, StepError>,
    failed: &mut Vec<(&'static str, StepError)>,
) -> Option<T> {
    let event_type = EventType::Configuration.as_str();
    match result {
        Ok(result) => {
            tracing::info!(event_type, status = "SUCCESS", action = step, details.result = ?result, "step done");
            Some(result)
        }
        Err(error) => {
            tracing::error!(event_type, status = "FAILURE", action = step, %error, "step failed, nothing changed");
            failed.push((step, error));
            None
        }
    }
}
