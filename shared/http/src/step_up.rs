//! Step-up: a current code of the caller's second factor, good for one action and once.

use engine_aws::guard::{Counted, Guard};
use engine_aws::kms::FactorCipher;
use engine_aws::people::People;
use engine_aws::secrets::SecretStore;
use engine_core::access::PersonId;
use engine_core::access::totp::{TotpCode, TotpSecret, matching_step};
use engine_core::audit::ActorType;
use engine_core::field::{FieldValue, Fields};
use lambda_http::Request;
use lambda_http::http::Method;

use crate::auth::Caller;
use crate::context::RequestContext;
use crate::logging::{SecurityEvent, security_event};
use crate::problem::Problem;

/// The header in which a code arrives.
pub const HEADER: &str = "x-mfa-totp";
/// The member of a body in which a code arrives instead.
pub const FIELD: &str = "mfaTotp";

/// Judges codes.
#[derive(Debug)]
pub struct StepUp {
    guard: Guard,
    people: People,
    factors: FactorCipher,
    secrets: SecretStore,
    /// Where the bootstrap administrator's secret is kept.
    bootstrap_secret: String,
}

/// A secret before it is opened.
enum Sealed {
    /// A person's, as KMS sealed it.
    Person(Vec<u8>),
    /// The bootstrap administrator's.
    Bootstrap,
}

/// The code that a request carries, in `X-MFA-TOTP` or, unless it is a GET, as `mfaTotp` in its body. Not in both.
pub fn presented(request: &Request, fields: &Fields) -> Result<Option<TotpCode>, Problem> {
    let mut values = request.headers().get_all(HEADER).iter();
    let header = match (values.next(), values.next()) {
        (None, _) => None,
        (Some(value), None) => Some(value.to_str().map_err(|_| Problem::invalid_field(HEADER, "must be six digits"))?),
        (Some(_), Some(_)) => return Err(Problem::invalid_field(HEADER, "must be given once")),
    };
    let body = if request.method() == Method::GET { &FieldValue::Missing } else { fields.get(FIELD) };
    let (name, text) = match (header, body) {
        (None, FieldValue::Missing) => return Ok(None),
        (Some(text), FieldValue::Missing) => (HEADER, text),
        (None, FieldValue::Text(text)) => (FIELD, text.as_str()),
        (None, _) => return Err(Problem::invalid_field(FIELD, "must be a string of six digits")),
        (Some(_), _) => return Err(Problem::invalid_field(FIELD, "must not be given beside X-MFA-TOTP")),
    };
    TotpCode::parse(text).map(Some).map_err(|error| Problem::invalid_field(name, error))
}

impl StepUp {
    /// Judges with the people's own secrets, and the bootstrap administrator's in the Secrets Manager secret of that id.
    #[must_use]
    pub fn new(
        guard: Guard,
        people: People,
        factors: FactorCipher,
        secrets: SecretStore,
        bootstrap_secret: impl Into<String>,
    ) -> Self {
        Self { guard, people, factors, secrets, bootstrap_secret: bootstrap_secret.into() }
    }

    /// Whether the caller showed a code that is right and new. The attempt is counted before it is judged.
    pub async fn verify(
        &self,
        context: &RequestContext,
        caller: &Caller,
        code: Option<TotpCode>,
    ) -> Result<(), Problem> {
        let sealed = self.sealed(caller).await?.ok_or_else(Problem::step_up_not_enrolled)?;
        let code = code.ok_or_else(Problem::step_up_required)?;
        let counted = self.count(context, caller).await?;
        let secret = self.open(caller, sealed).await?;
        self.judge(context, caller, &secret, &code, counted).await
    }

    /// The same against a secret that is not the caller's yet: the first code of an enrolment.
    pub async fn verify_with(
        &self,
        context: &RequestContext,
        caller: &Caller,
        secret: &TotpSecret,
        code: Option<TotpCode>,
    ) -> Result<(), Problem> {
        let code = code.ok_or_else(Problem::step_up_required)?;
        let counted = self.count(context, caller).await?;
        self.judge(context, caller, secret, &code, counted).await
    }

    /// Where the caller's secret is; `None` for who has none.
    async fn sealed(&self, caller: &Caller) -> Result<Option<Sealed>, Problem> {
        match caller.kind {
            ActorType::Bootstrap => Ok(Some(Sealed::Bootstrap)),
            ActorType::Staff => {
                let person =
                    PersonId::parse(&caller.person_id).map_err(|error| Problem::internal(error.to_string()))?;
                Ok(self.people.person(&person).await?.value.enrolled.map(|factor| Sealed::Person(factor.sealed)))
            }
            _ => Ok(None),
        }
    }

    async fn open(&self, caller: &Caller, sealed: Sealed) -> Result<TotpSecret, Problem> {
        let secret = match sealed {
            Sealed::Person(ciphertext) => {
                TotpSecret::from_bytes(&self.factors.open(&caller.person_id, &ciphertext).await?)
            }
            Sealed::Bootstrap => TotpSecret::from_base32(self.secrets.text(&self.bootstrap_secret).await?.trim()),
        };
        secret.map_err(|error| Problem::internal(error.to_string()))
    }

    async fn count(&self, context: &RequestContext, caller: &Caller) -> Result<Counted, Problem> {
        let counted = self.guard.count_attempt(&caller.person_id, context.now).await?;
        counted.map_err(|locked| Problem::step_up_locked(locked.retry_after_seconds(context.now)))
    }

    async fn judge(
        &self,
        context: &RequestContext,
        caller: &Caller,
        secret: &TotpSecret,
        code: &TotpCode,
        counted: Counted,
    ) -> Result<(), Problem> {
        let why = match matching_step(secret, code, context.now) {
            Some(step) => {
                let accepted = self.guard.accept_attempt(&caller.person_id, counted.attempt, step, context.now).await?;
                match accepted {
                    Ok(()) => return Ok(()),
                    Err(replayed) => replayed.to_string(),
                }
            }
            None => "the code is wrong".to_owned(),
        };
        if counted.locks {
            let actor = Some(caller.actor_ref.as_str());
            security_event(context, SecurityEvent { reason: "step_up_locked", action: "step_up", actor, failures: 0 });
        }
        Err(Problem::step_up_failed().with_internal(why))
    }
}
