//! Who calls, by bearer token: a person's account, a service account, or the administrator that the stack starts with.

use std::collections::BTreeSet;

use engine_aws::author::Author;
use engine_aws::issuers::IssuerKeys;
use engine_aws::people::People;
use engine_core::access::role::BOOTSTRAP_PERMISSIONS;
use engine_core::access::service_account::ServiceAccountState;
use engine_core::access::token::{self, BOOTSTRAP_ISSUER, Claims, LEEWAY_SECONDS, OUR_ISSUER};
use engine_core::access::{BOOTSTRAP, Permission, PrincipalId, PrincipalState, Role, ServiceAccountName, role};
use engine_core::audit::{Actor, ActorRef, ActorType};
use jiff::{SignedDuration, Timestamp};
use lambda_http::Request;
use lambda_http::http::header::AUTHORIZATION;

use crate::context::RequestContext;
use crate::problem::Problem;

const SCHEME: &str = "bearer";

/// The token in `Authorization: Bearer` (RFC 6750), given exactly once. Whatever is wrong, the answer is the same 401.
pub fn bearer(request: &Request) -> Result<&str, Problem> {
    let mut values = request.headers().get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(refused("no token, or more than one"));
    };
    let text = value.to_str().map_err(|_| refused("the header is not text"))?;
    let token = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case(SCHEME));
    let token = token.map(|(_, token)| token.trim_matches(' ')).filter(|token| !token.is_empty());
    token.ok_or_else(|| refused("the credential is not a bearer token"))
}

/// An authenticated caller and what it may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account: the token's subject.
    pub principal_id: String,
    /// The person whose account it is; a service account's own name.
    pub person_id: String,
    /// Staff, service account or bootstrap administrator.
    pub kind: ActorType,
    /// Roles that the account holds at this moment and the token claims.
    pub roles: BTreeSet<Role>,
    /// What it may do: what the token claims of what the account holds at this moment.
    pub permissions: BTreeSet<Permission>,
    /// The keyed reference under which its acts are recorded.
    pub actor_ref: ActorRef,
    /// The token's id.
    pub token_id: String,
}

impl Caller {
    /// Whether it may; 403 where not.
    pub fn may(&self, permission: Permission) -> Result<(), Problem> {
        if self.permissions.contains(&permission) { Ok(()) } else { Err(Problem::not_permitted()) }
    }

    /// Who the record says did what a request to `function` asks for.
    #[must_use]
    pub fn author(&self, function: &'static str, context: &RequestContext) -> Author {
        let roles = self.roles.iter().map(|role| role.as_str().to_owned()).collect();
        Author {
            actor: Actor { kind: self.kind, id: self.principal_id.clone(), roles },
            actor_ref: self.actor_ref.clone(),
            request_id: context.request_id.clone(),
            function,
            source_address: context.source_address.clone(),
        }
    }
}

/// Verifies tokens against the mirrored keys of their issuers, and callers against the table of accounts.
#[derive(Debug)]
pub struct TokenVerifier {
    issuers: IssuerKeys,
    people: People,
    audience: String,
    staff_issuer: Option<String>,
    bootstrap: Option<ActorRef>,
}

impl TokenVerifier {
    /// A verifier of tokens for `audience`. Without a `staff_issuer` no member of staff has one; without `bootstrap`, the
    /// reference of the bootstrap administrator, that one is refused.
    #[must_use]
    pub fn new(
        issuers: IssuerKeys,
        people: People,
        audience: impl Into<String>,
        staff_issuer: Option<String>,
        bootstrap: Option<ActorRef>,
    ) -> Self {
        Self { issuers, people, audience: audience.into(), staff_issuer, bootstrap }
    }

    /// The caller that the token speaks for at `now`. Whatever is wrong, the answer is the same 401; only where a store does
    /// not answer it is 503.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Caller, Problem> {
        let named = token::named(token).map_err(refused)?;
        // The two issuers that are ours share their keys: one function signs for both.
        let mirrored = match named.issuer.as_str() {
            OUR_ISSUER | BOOTSTRAP_ISSUER => OUR_ISSUER,
            other if self.staff_issuer.as_deref() == Some(other) => other,
            _ => return Err(refused("the issuer is not known")),
        };
        let keys = self.issuers.key_set(mirrored, &named.key_id, now).await?;
        let keys = keys.ok_or_else(|| refused("no keys are mirrored for the issuer"))?;
        let claims = token::verify(token, &keys, &named.issuer, &self.audience, now).map_err(refused)?;
        match claims.issuer.as_str() {
            OUR_ISSUER => self.service_account(claims).await,
            BOOTSTRAP_ISSUER => self.bootstrap(claims).await,
            _ => self.staff(claims, now).await,
        }
    }

    async fn staff(&self, claims: Claims, now: Timestamp) -> Result<Caller, Problem> {
        let id = PrincipalId::parse(&claims.subject).map_err(refused)?;
        let held = self.people.principal(&id).await?.ok_or_else(|| refused("no account has this subject"))?;
        let principal = held.value;
        if principal.state != PrincipalState::Active {
            return Err(refused(format_args!("the account is {}", principal.state.as_str())));
        }
        // Who comes back is onboarded anew, and so is what they hold: a token of the account before stays dead.
        let leeway = SignedDuration::from_secs(LEEWAY_SECONDS);
        if principal.approved_at.is_none_or(|approved_at| claims.issued_at < approved_at - leeway) {
            return Err(refused("the token is older than the account's approval"));
        }
        Ok(Caller {
            roles: claimed(principal.roles_at(now), &claims),
            permissions: role::effective(&principal.permissions_at(now), &claims.roles, &claims.scopes),
            principal_id: principal.id.to_string(),
            person_id: principal.person_id.to_string(),
            kind: ActorType::Staff,
            actor_ref: principal.actor_ref,
            token_id: claims.token_id,
        })
    }

    async fn service_account(&self, claims: Claims) -> Result<Caller, Problem> {
        let name = ServiceAccountName::parse(&claims.subject).map_err(refused)?;
        let held =
            self.people.service_account(&name).await?.ok_or_else(|| refused("no service account has this name"))?;
        let account = held.value;
        if account.state != ServiceAccountState::Active {
            return Err(refused(format_args!("the service account is {}", account.state.as_str())));
        }
        Ok(Caller {
            roles: claimed(BTreeSet::from([Role::System]), &claims),
            permissions: role::effective(&account.permissions(), &claims.roles, &claims.scopes),
            principal_id: account.name.to_string(),
            person_id: account.name.to_string(),
            kind: ActorType::ServiceAccount,
            actor_ref: account.actor_ref,
            token_id: claims.token_id,
        })
    }

    async fn bootstrap(&self, claims: Claims) -> Result<Caller, Problem> {
        let actor_ref =
            self.bootstrap.clone().ok_or_else(|| refused("the bootstrap administrator has no business here"))?;
        if claims.subject != BOOTSTRAP {
            return Err(refused("not the bootstrap administrator's subject"));
        }
        if !self.people.administrators().await?.value.bootstrap_open() {
            return Err(refused("the bootstrap path is closed"));
        }
        Ok(Caller {
            permissions: role::effective(&BOOTSTRAP_PERMISSIONS.into(), &claims.roles, &claims.scopes),
            roles: BTreeSet::new(),
            principal_id: BOOTSTRAP.to_owned(),
            person_id: BOOTSTRAP.to_owned(),
            kind: ActorType::Bootstrap,
            actor_ref,
            token_id: claims.token_id,
        })
    }
}

/// Those of the held roles that the token claims.
fn claimed(held: BTreeSet<Role>, claims: &Claims) -> BTreeSet<Role> {
    held.into_iter().filter(|role| claims.roles.contains(role.as_str())).collect()
}

/// The one 401, with what was wrong for the log only.
fn refused(why: impl std::fmt::Display) -> Problem {
    Problem::not_authenticated().with_internal(why.to_string())
}
