//! Verifying a token and reading its claims. The clock is an argument: the library that checks signatures is not asked about
//! times.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::json::{Members, decode};
use super::keys::KeySet;
use super::{
    BOOTSTRAP_ISSUER, LEEWAY_SECONDS, LONGEST_LIFETIME_SECONDS, LONGEST_TOKEN, OUR_ISSUER, OUR_LIFETIME_SECONDS,
};

/// Longest subject and token id, in bytes.
const LONGEST_NAME: usize = 128;

/// What a verified token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Who vouches for it (`iss`).
    pub issuer: String,
    /// Whom it is about (`sub`): 1 to 128 printable ASCII characters.
    pub subject: String,
    /// Its own id (`jti`): 1 to 128 printable ASCII characters.
    pub token_id: String,
    /// When it was issued (`iat`).
    pub issued_at: Timestamp,
    /// When it ends (`exp`).
    pub expires_at: Timestamp,
    /// Names of roles (`roles`), known or not.
    pub roles: BTreeSet<String>,
    /// Names of permissions (`scope`), known or not.
    pub scopes: BTreeSet<String>,
}

/// What a token says of its issuer and key before anything is verified: enough to choose the key set, and for nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The issuer it claims (`iss`).
    pub issuer: String,
    /// The id of the key it claims to be signed with (`kid`).
    pub key_id: String,
}

/// Why a token is refused. For the log: a caller learns only that it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than 8192 bytes.
    #[error("the token is too long")]
    TooLong,
    /// Not three parts in base64url without padding.
    #[error("not a signed token in compact form")]
    NotAToken,
    /// The header is not a JSON object of distinct members.
    #[error("the token's header is not readable")]
    Header,
    /// The payload is not a JSON object of distinct members.
    #[error("the token's claims are not readable")]
    Payload,
    /// The header makes an extension critical; none is known.
    #[error("the token demands an extension")]
    Critical,
    /// The header names another type than a JWT's or an access token's.
    #[error("the token is of another type")]
    Type,
    /// The header names no key.
    #[error("the token names no key")]
    NoKeyId,
    /// The issuer has no such key.
    #[error("the token's key is not known")]
    UnknownKey,
    /// The header names no algorithm, or not the key's.
    #[error("the token's algorithm is not its key's")]
    Algorithm,
    /// The signature is not the key's over this token.
    #[error("the token's signature is wrong")]
    Signature,
    /// A required claim is missing.
    #[error("the claim {0} is missing")]
    Missing(&'static str),
    /// A claim is of the wrong type or form.
    #[error("the claim {0} is malformed")]
    Malformed(&'static str),
    /// Issued by somebody else.
    #[error("the token is from another issuer")]
    Issuer,
    /// Meant for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// Past its end.
    #[error("the token has expired")]
    Expired,
    /// Not valid yet (`nbf`).
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Issued in the future.
    #[error("the token was issued in the future")]
    IssuedInFuture,
    /// Ends before it begins, or lives longer than a token of its issuer may.
    #[error("the token's lifetime is not allowed")]
    Lifetime,
}

/// A token's parts, decoded but not verified.
struct Parts<'a> {
    header: Members,
    claims: Members,
    /// Header and payload as they are signed.
    message: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    fn read(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > LONGEST_TOKEN {
            return Err(TokenError::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::NotAToken)?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::NotAToken)?;
        let (Some(header), Some(payload), Some(_)) = (decode(header), decode(payload), decode(signature)) else {
            return Err(TokenError::NotAToken);
        };
        Ok(Self {
            header: serde_json::from_slice(&header).map_err(|_| TokenError::Header)?,
            claims: serde_json::from_slice(&payload).map_err(|_| TokenError::Payload)?,
            message,
            signature,
        })
    }

    fn key_id(&self) -> Result<&str, TokenError> {
        self.header.text("kid").ok_or(TokenError::NoKeyId)
    }

    /// Refuses what RFC 7515 section 4.1.11 and RFC 8725 section 3.11 say must not pass: unknown extensions, and tokens made
    /// for another purpose.
    fn check_header(&self) -> Result<(), TokenError> {
        if self.header.get("crit").is_some() {
            return Err(TokenError::Critical);
        }
        let known = |kind: &Value| {
            kind.as_str().is_some_and(|kind| {
                let kind = kind.to_ascii_lowercase();
                matches!(kind.strip_prefix("application/").unwrap_or(&kind), "jwt" | "at+jwt")
            })
        };
        if self.header.get("typ").is_none_or(known) { Ok(()) } else { Err(TokenError::Type) }
    }

    /// Checks the signature. The algorithm is the key's; the header must agree and decides nothing.
    fn check_signature(&self, keys: &KeySet) -> Result<(), TokenError> {
        let key = keys.get(self.key_id()?).ok_or(TokenError::UnknownKey)?;
        if !self.header.text("alg").is_some_and(|name| key.is_named(name)) {
            return Err(TokenError::Algorithm);
        }
        if key.verifies(self.message.as_bytes(), self.signature) { Ok(()) } else { Err(TokenError::Signature) }
    }

    fn text(&self, name: &'static str) -> Result<&str, TokenError> {
        let value = self.claims.get(name).ok_or(TokenError::Missing(name))?;
        value.as_str().ok_or(TokenError::Malformed(name))
    }

    /// A claim of 1 to 128 printable ASCII characters without spaces.
    fn name(&self, name: &'static str) -> Result<String, TokenError> {
        let text = self.text(name)?;
        let valid = (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if valid { Ok(text.to_owned()) } else { Err(TokenError::Malformed(name)) }
    }

    /// A time in whole seconds since the epoch, if the claim is there.
    fn time(&self, name: &'static str) -> Result<Option<Timestamp>, TokenError> {
        let Some(value) = self.claims.get(name) else { return Ok(None) };
        let seconds = value.as_i64().filter(|seconds| *seconds >= 0).ok_or(TokenError::Malformed(name))?;
        Timestamp::from_second(seconds).map(Some).map_err(|_| TokenError::Malformed(name))
    }

    fn required_time(&self, name: &'static str) -> Result<Timestamp, TokenError> {
        self.time(name)?.ok_or(TokenError::Missing(name))
    }

    fn is_for(&self, audience: &str) -> Result<bool, TokenError> {
        match self.claims.get("aud").ok_or(TokenError::Missing("aud"))? {
            Value::String(one) => Ok(one == audience),
            Value::Array(several) if several.iter().all(Value::is_string) => {
                Ok(several.iter().any(|one| one == audience))
            }
            _ => Err(TokenError::Malformed("aud")),
        }
    }

    /// Names in an array, or in a string between spaces and commas; none where the claim is missing.
    fn names(&self, name: &'static str) -> Result<BTreeSet<String>, TokenError> {
        match self.claims.get(name) {
            None => Ok(BTreeSet::new()),
            Some(Value::String(text)) => {
                Ok(text.split([' ', ',']).filter(|name| !name.is_empty()).map(str::to_owned).collect())
            }
            Some(Value::Array(names)) => {
                names.iter().map(|one| one.as_str().map(str::to_owned).ok_or(TokenError::Malformed(name))).collect()
            }
            Some(_) => Err(TokenError::Malformed(name)),
        }
    }
}

/// Reads the issuer and the key id that a token claims, without verifying anything.
pub fn named(token: &str) -> Result<Named, TokenError> {
    let parts = Parts::read(token)?;
    Ok(Named { issuer: parts.text("iss")?.to_owned(), key_id: parts.key_id()?.to_owned() })
}

/// Verifies a token that must be `issuer`'s, signed by one of its `keys`, for `audience` and valid at `now`.
pub fn verify(token: &str, keys: &KeySet, issuer: &str, audience: &str, now: Timestamp) -> Result<Claims, TokenError> {
    let parts = Parts::read(token)?;
    parts.check_header()?;
    parts.check_signature(keys)?;
    if parts.text("iss")? != issuer {
        return Err(TokenError::Issuer);
    }
    if !parts.is_for(audience)? {
        return Err(TokenError::Audience);
    }
    let claims = Claims {
        issuer: issuer.to_owned(),
        subject: parts.name("sub")?,
        token_id: parts.name("jti")?,
        issued_at: parts.required_time("iat")?,
        expires_at: parts.required_time("exp")?,
        roles: parts.names("roles")?,
        scopes: parts.names("scope")?,
    };
    check_times(&claims, parts.time("nbf")?, now)?;
    Ok(claims)
}

fn check_times(claims: &Claims, not_before: Option<Timestamp>, now: Timestamp) -> Result<(), TokenError> {
    let now = now.as_second();
    let (issued, expires) = (claims.issued_at.as_second(), claims.expires_at.as_second());
    let ours = claims.issuer == OUR_ISSUER || claims.issuer == BOOTSTRAP_ISSUER;
    let longest = if ours { OUR_LIFETIME_SECONDS } else { LONGEST_LIFETIME_SECONDS };
    if !(1..=longest).contains(&(expires - issued)) {
        Err(TokenError::Lifetime)
    } else if now >= expires + LEEWAY_SECONDS {
        Err(TokenError::Expired)
    } else if issued > now + LEEWAY_SECONDS {
        Err(TokenError::IssuedInFuture)
    } else if not_before.is_some_and(|time| time.as_second() > now + LEEWAY_SECONDS) {
        Err(TokenError::NotYetValid)
    } else {
        Ok(())
    }
}
