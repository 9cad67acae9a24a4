//! The API key that a request presents.

use engine_core::access::ApiKey;
use lambda_http::Request;

use crate::problem::Problem;

/// The header in which a key arrives.
pub const HEADER: &str = "x-api-key";

/// The key of `environment` in `X-API-Key`, given exactly once. Whatever is wrong, the answer is the same 401.
///
/// API Gateway's REST events name each header's last value in `headers`, which `lambda_http` lets replace the list in
/// `multiValueHeaders`: a header sent twice through API Gateway arrives here once, as its last value.
pub fn presented_key(request: &Request, environment: &str) -> Result<ApiKey, Problem> {
    let mut values = request.headers().get_all(HEADER).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Problem::not_authenticated());
    };
    let text = value.to_str().map_err(|_| Problem::not_authenticated())?;
    ApiKey::parse(text, environment).map_err(|_| Problem::not_authenticated())
}
