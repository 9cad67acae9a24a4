//! How service accounts get their tokens: answered by another function, and part of the same API.

use engine_core::access::token::OUR_LIFETIME_SECONDS;
use engine_http::openapi::reference;
use serde_json::{Value, json};

use super::schemas::{object, one_of};

/// The path.
pub(super) const PATH: &str = "/api/v1/oauth/token";
/// The errors of RFC 6749 (sections 5.2 and 4.1.2.1) that the endpoint has.
const ERRORS: [&str; 7] = [
    "invalid_request",
    "invalid_client",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "temporarily_unavailable",
    "server_error",
];

/// The operation, by POST.
pub(super) fn operation() -> Value {
    let form = object(&[
        ("grant_type", one_of(&["client_credentials"])),
        ("scope?", json!({ "type": "string", "description": "Names of permissions, a space between them." })),
        ("client_id?", json!({ "type": "string" })),
        ("client_secret?", json!({ "type": "string" })),
    ]);
    let json = |description: &str, schema: &str| json!({ "description": description, "content": { "application/json": { "schema": reference(schema) } } });
    let error = |description: &str| json(description, "OauthError");
    json!({
        "operationId": "issueToken",
        "summary": "Issues a token to a service account (RFC 6749, section 4.4).",
        "security": [{ "ClientSecret": [] }, {}],
        "requestBody": { "required": true, "content": { "application/x-www-form-urlencoded": { "schema": form } } },
        "responses": {
            "200": json("Done.", "Token"),
            "400": error("Not a request that can be granted"),
            "401": error("Client not authenticated"),
            "429": error("Too many failures"),
            "500": error("Internal error"),
            "503": error("Temporarily unavailable"),
        },
    })
}

/// The schemas of its answers.
pub(super) fn components() -> [(&'static str, Value); 2] {
    let text = || json!({ "type": "string" });
    let token = object(&[
        ("access_token", text()),
        ("token_type", one_of(&["Bearer"])),
        ("expires_in", json!({ "type": "integer", "maximum": OUR_LIFETIME_SECONDS })),
        ("scope", text()),
    ]);
    let error = object(&[("error", one_of(&ERRORS)), ("error_description", text())]);
    [("Token", token), ("OauthError", error)]
}
