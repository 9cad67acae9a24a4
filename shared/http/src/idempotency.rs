//! A request that is repeated with its `Idempotency-Key` is carried out once.

use std::collections::BTreeMap;

use engine_aws::change::Change;
use engine_aws::guard::{Guard, Once};
use engine_core::audit::canonical_json;
use engine_core::hex::sha256;
use lambda_http::{Request, RequestExt};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::auth::Caller;
use crate::context::RequestContext;
use crate::problem::Problem;
use crate::response::{Answer, Reply};
use crate::step_up;

/// The header in which a key arrives.
pub const HEADER: &str = "idempotency-key";
/// Longest key, in characters.
const LONGEST_KEY: usize = 255;

/// A request under its idempotency key: bound to caller, method, path, query and body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeatable {
    digest: String,
    route: String,
    body_sha256: String,
}

impl Repeatable {
    /// The request of `caller` under its key; `None` where it has none. The key is 1 to 255 visible ASCII characters, given
    /// once.
    pub fn read(request: &Request, context: &RequestContext, caller: &Caller) -> Result<Option<Self>, Problem> {
        let mut values = request.headers().get_all(HEADER).iter();
        let key = match (values.next(), values.next()) {
            (None, _) => return Ok(None),
            (Some(value), None) => value.as_bytes(),
            (Some(_), Some(_)) => return Err(Problem::invalid_field(HEADER, "must be given once")),
        };
        if !(1..=LONGEST_KEY).contains(&key.len()) || !key.iter().all(u8::is_ascii_graphic) {
            return Err(Problem::invalid_field(HEADER, "must be 1 to 255 visible ASCII characters"));
        }
        let digest = sha256(&[caller.principal_id.as_bytes(), &[0], key].concat());
        let route = format!("{} {}{}", context.method, context.path, query(request));
        Ok(Some(Self { digest, route, body_sha256: body_sha256(request.body().as_ref()) }))
    }

    /// What the same request was answered before, if it was carried out; 422 where another request had this key.
    pub async fn earlier(&self, guard: &Guard, context: &RequestContext) -> Result<Option<Reply>, Problem> {
        let Some(once) = guard.once(&self.digest, context.now).await? else { return Ok(None) };
        if (&once.route, &once.body_sha256) != (&self.route, &self.body_sha256) {
            return Err(Problem::idempotency_mismatch());
        }
        Ok(Some(Reply { status: once.status, body: once.answer, allowance: None, location: None }))
    }

    /// Adds to the change what a repeat of the request will be told.
    pub fn remember(
        &self,
        guard: &Guard,
        change: &mut Change,
        repeat: &Reply,
        context: &RequestContext,
    ) -> Result<(), Problem> {
        let once = Once {
            route: self.route.clone(),
            body_sha256: self.body_sha256.clone(),
            status: repeat.status,
            answer: repeat.body.clone(),
        };
        Ok(guard.remember(change, &self.digest, &once, context.now)?)
    }
}

/// Makes a change once, and answers its caller. Of two requests with one key the other one may have been first: then its
/// answer is this one's too. `repeat` is what later ones are told.
pub async fn commit(
    mut change: Change,
    (answer, repeat): (Reply, &Reply),
    repeatable: Option<&Repeatable>,
    (dynamodb, guard): (&aws_sdk_dynamodb::Client, &Guard),
    context: &RequestContext,
) -> Answer {
    if let Some(repeatable) = repeatable {
        repeatable.remember(guard, &mut change, repeat, context)?;
    }
    match (change.commit(dynamodb).await, repeatable) {
        (Ok(()), _) => Ok(answer),
        (Err(engine_aws::Error::Conflict(why)), Some(repeatable)) => {
            let earlier = repeatable.earlier(guard, context).await?;
            earlier.ok_or_else(|| Problem::conflict(why))
        }
        (Err(error), _) => Err(Problem::of_store(error)),
    }
}

/// Digest of the query after a question mark, in whatever order its parameters are; nothing where there are none. The
/// parameters themselves are not kept: they may be anything.
fn query(request: &Request) -> String {
    let mut pairs: Vec<_> =
        request.query_string_parameters_ref().into_iter().flat_map(|parameters| parameters.iter()).collect();
    if pairs.is_empty() {
        return String::new();
    }
    // By name alone: the values of one name stay in their order.
    pairs.sort_by_key(|(name, _)| *name);
    let parts: Vec<_> =
        pairs.iter().map(|(name, value)| format!("{}:{name}{}:{value}", name.len(), value.len())).collect();
    format!("?{}", sha256(parts.concat().as_bytes()))
}

/// Digest of a body, however its members are ordered and spaced, without the code, which no repeat has again.
fn body_sha256(body: &[u8]) -> String {
    let Ok(mut members) = serde_json::from_slice::<BTreeMap<String, Box<RawValue>>>(body) else { return sha256(body) };
    members.remove(step_up::FIELD);
    let members = members.into_iter().map(|(name, member)| {
        // What has no canonical form, as a fraction, counts as it is written.
        let canonical = serde_json::from_str::<Value>(member.get()).ok().and_then(|value| canonical_json(&value).ok());
        format!("{}:{}", Value::String(name), canonical.as_deref().unwrap_or(member.get()))
    });
    sha256(members.collect::<Vec<_>>().join(",").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_body_is_the_same_however_it_is_written_and_whatever_code_it_carries() {
        let one = body_sha256(br#"{"a": {"x": 1, "y": [1, 2]}, "b": "c", "mfaTotp": "123456"}"#);
        assert_eq!(one, body_sha256(br#"{"b":"\u0063","mfaTotp":"654321","a":{"y":[1,2],"x":1}}"#));
        for other in [
            r#"{"a": {"x": 1, "y": [2, 1]}, "b": "c"}"#,
            r#"{"a": {"x": 2, "y": [1, 2]}, "b": "c"}"#,
            r#"{"a": {"x": 1, "y": [1, 2]}}"#,
            r#"{"a": {"x": 1, "y": [1, 2]}, "b": "c", "d": null}"#,
            "",
            "{}",
        ] {
            assert_ne!(one, body_sha256(other.as_bytes()), "{other}");
        }
        assert_ne!(body_sha256(br#"{"a": 0.1}"#), body_sha256(br#"{"a": 0.2}"#));
    }
}
