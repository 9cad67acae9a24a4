//! An issuer of tokens with a key of its own: it signs whatever it is told, in the right form or not.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// When mirrored keys were fetched (milliseconds since the epoch) that are to stay fresh however far a test moves its clock:
/// the year 2100.
pub const FETCHED_AT: &str = "4102444800000";

/// An issuer that signs with ES256.
#[derive(Debug)]
pub struct Issuer {
    /// Its name (`iss`).
    pub name: &'static str,
    /// Its key's id (`kid`).
    pub key_id: &'static str,
    pair: EcdsaKeyPair,
}

impl Issuer {
    /// An issuer with a new key.
    pub fn new(name: &'static str, key_id: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { name, key_id, pair }
    }

    /// The public key, uncompressed: 4, x, y.
    pub fn public_key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// The public key as a JWK Set.
    pub fn jwks(&self) -> String {
        let point = self.public_key();
        let [x, y] = [&point[1..33], &point[33..]].map(encode);
        json!({"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.key_id, "x": x, "y": y}]})
            .to_string()
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with(&json!({"alg": "ES256", "typ": "JWT", "kid": self.key_id}), claims)
    }

    /// A token with this header, signed all the same.
    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", encode(signature.as_ref()))
    }
}

/// What of a token is signed.
pub fn message(header: &Value, claims: &Value) -> String {
    let [header, claims] = [header, claims].map(|part| encode(part.to_string().as_bytes()));
    format!("{header}.{claims}")
}

/// Base64url without padding.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
