//! Tokens as their issuers write them, and as somebody else would like us to read them.

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use engine_core::access::token::{
    BOOTSTRAP_ISSUER, Grant, KeySet, KeySetError, LONGEST_TOKEN, Named, OUR_ISSUER, TokenError, Unsigned,
    jwk_from_spki, named, verify,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const STAFF: &str = "https://login.example.com";
const AUDIENCE: &str = "borrow-rate-engine:test";
const NOW: i64 = 1_795_316_400;

static EC: LazyLock<EcdsaKeyPair> = LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap());
static ED: LazyLock<Ed25519KeyPair> = LazyLock::new(|| Ed25519KeyPair::generate().unwrap());
static RSA: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn ec_jwk(key_id: &str) -> Value {
    let point = EC.public_key().as_ref();
    json!({ "kty": "EC", "crv": "P-256", "kid": key_id, "x": base64url(&point[1..33]), "y": base64url(&point[33..]) })
}

fn ed_jwk(key_id: &str) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "kid": key_id, "x": base64url(ED.public_key()) })
}

fn rsa_jwk(key_id: &str) -> Value {
    let public = RsaPublicKeyComponents::<Vec<u8>>::from(RSA.public_key());
    json!({ "kty": "RSA", "kid": key_id, "n": base64url(public.n), "e": base64url(public.e) })
}

fn set_of(keys: &[Value]) -> Result<KeySet, KeySetError> {
    KeySet::from_jwks(&json!({ "keys": keys }).to_string())
}

fn keys() -> KeySet {
    set_of(&[ec_jwk("ec"), ed_jwk("ed"), rsa_jwk("rsa")]).unwrap()
}

fn sign_ec(message: &[u8]) -> Vec<u8> {
    EC.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
}

fn sign_rsa(message: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; RSA.public_modulus_len()];
    RSA.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
    signature
}

fn compact(header: &str, claims: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", base64url(header), base64url(claims));
    let signature = base64url(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

const HEADER: &str = r#"{"alg":"ES256","kid":"ec","typ":"JWT"}"#;

/// The claims of a good token of a member of staff.
fn claims() -> Value {
    json!({
        "iss": STAFF, "aud": AUDIENCE, "sub": "ada", "jti": "t-1", "iat": NOW - 60, "exp": NOW + 3600,
        "roles": ["admin", "security"], "scope": "keys:create keys:rotate",
    })
}

/// A well-signed token with those claims changed; `null` takes one away.
fn with(changes: &Value) -> String {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    compact(HEADER, &claims.to_string(), sign_ec)
}

fn refusal(token: &str) -> Option<TokenError> {
    verify(token, &keys(), STAFF, AUDIENCE, now()).err()
}

#[test]
fn a_good_token_says_who_it_is_and_what_they_may_do() {
    let token = with(&json!({}));
    assert_eq!(named(&token), Ok(Named { issuer: STAFF.to_owned(), key_id: "ec".to_owned() }));
    let claims = verify(&token, &keys(), STAFF, AUDIENCE, now()).unwrap();
    assert_eq!((claims.issuer.as_str(), claims.subject.as_str(), claims.token_id.as_str()), (STAFF, "ada", "t-1"));
    assert_eq!((claims.issued_at.as_second(), claims.expires_at.as_second()), (NOW - 60, NOW + 3600));
    assert_eq!(Vec::from_iter(claims.roles), ["admin", "security"]);
    assert_eq!(Vec::from_iter(claims.scopes), ["keys:create", "keys:rotate"]);
}

#[test]
fn the_key_decides_the_algorithm() {
    let claims = claims().to_string();
    for (token, rule) in [
        (compact(r#"{"alg":"ES256","kid":"ec"}"#, &claims, sign_ec), "ES256"),
        (compact(r#"{"alg":"RS256","kid":"rsa"}"#, &claims, sign_rsa), "RS256"),
        (compact(r#"{"alg":"EdDSA","kid":"ed"}"#, &claims, |message| ED.sign(message).as_ref().to_vec()), "EdDSA"),
        (compact(r#"{"alg":"Ed25519","kid":"ed"}"#, &claims, |message| ED.sign(message).as_ref().to_vec()), "RFC 9864"),
        (compact(r#"{"alg":"ES256","kid":"ec","typ":"at+jwt"}"#, &claims, sign_ec), "RFC 9068"),
        (compact(r#"{"alg":"ES256","kid":"ec","typ":"application/JWT"}"#, &claims, sign_ec), "RFC 7515 section 4.1.9"),
    ] {
        assert_eq!(refusal(&token), None, "{rule}");
    }
}

#[test]
fn headers_that_lead_astray_are_refused() {
    let public = EC.public_key().as_ref().to_vec();
    let with_public_key =
        |message: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &public), message).as_ref().to_vec();
    let empty = |_: &[u8]| Vec::new();
    let claims = claims().to_string();
    let signed = |header: &str| compact(header, &claims, sign_ec);
    for (rule, token, expected) in [
        ("no signature", compact(r#"{"alg":"none","kid":"ec"}"#, &claims, empty), TokenError::Algorithm),
        ("no signature, no key", compact(r#"{"alg":"none"}"#, &claims, empty), TokenError::NoKeyId),
        ("none, but signed", signed(r#"{"alg":"none","kid":"ec"}"#), TokenError::Algorithm),
        ("the empty signature", compact(HEADER, &claims, empty), TokenError::Signature),
        (
            "a MAC by the public key",
            compact(r#"{"alg":"HS256","kid":"ec"}"#, &claims, with_public_key),
            TokenError::Algorithm,
        ),
        ("the same, called ES256", compact(HEADER, &claims, with_public_key), TokenError::Signature),
        ("another key's algorithm", signed(r#"{"alg":"RS256","kid":"ec"}"#), TokenError::Algorithm),
        ("another key", signed(r#"{"alg":"RS256","kid":"rsa"}"#), TokenError::Signature),
        ("the algorithm in lower case", signed(r#"{"alg":"es256","kid":"ec"}"#), TokenError::Algorithm),
        ("no algorithm", signed(r#"{"kid":"ec"}"#), TokenError::Algorithm),
        ("an unknown key", signed(r#"{"alg":"ES256","kid":"EC"}"#), TokenError::UnknownKey),
        ("no key", signed(r#"{"alg":"ES256"}"#), TokenError::NoKeyId),
        ("a key id that is a number", signed(r#"{"alg":"ES256","kid":1}"#), TokenError::NoKeyId),
        ("two key ids", signed(r#"{"alg":"ES256","kid":"ed","kid":"ec"}"#), TokenError::Header),
        ("two algorithms", signed(r#"{"alg":"none","kid":"ec","alg":"ES256"}"#), TokenError::Header),
        ("an extension", signed(r#"{"alg":"ES256","kid":"ec","crit":["b64"],"b64":false}"#), TokenError::Critical),
        ("no extension, critically", signed(r#"{"alg":"ES256","kid":"ec","crit":[]}"#), TokenError::Critical),
        ("a token for something else", signed(r#"{"alg":"ES256","kid":"ec","typ":"logout+jwt"}"#), TokenError::Type),
        ("an array", signed(r#"["ES256","ec"]"#), TokenError::Header),
        ("more than an object", signed(r#"{"alg":"ES256","kid":"ec"} {}"#), TokenError::Header),
    ] {
        assert_eq!(refusal(&token), Some(expected), "{rule}");
    }
}

#[test]
fn claims_that_are_missing_or_mean_something_else_are_refused() {
    use TokenError::{Audience, Issuer, Malformed, Missing};
    let long = "x".repeat(129);
    for (changes, expected) in [
        (json!({ "iss": null }), Missing("iss")),
        (json!({ "aud": null }), Missing("aud")),
        (json!({ "exp": null }), Missing("exp")),
        (json!({ "iat": null }), Missing("iat")),
        (json!({ "sub": null }), Missing("sub")),
        (json!({ "jti": null }), Missing("jti")),
        (json!({ "iss": "https://login.example.com/" }), Issuer),
        (json!({ "iss": OUR_ISSUER }), Issuer),
        (json!({ "iss": [STAFF] }), Malformed("iss")),
        (json!({ "aud": "borrow-rate-engine:live" }), Audience),
        (json!({ "aud": [] }), Audience),
        (json!({ "aud": ["a", "b"] }), Audience),
        (json!({ "aud": [AUDIENCE, 1] }), Malformed("aud")),
        (json!({ "aud": { AUDIENCE: true } }), Malformed("aud")),
        (json!({ "sub": "" }), Malformed("sub")),
        (json!({ "sub": "ada lovelace" }), Malformed("sub")),
        (json!({ "sub": "ada\n" }), Malformed("sub")),
        (json!({ "sub": "adä" }), Malformed("sub")),
        (json!({ "sub": 7 }), Malformed("sub")),
        (json!({ "sub": long }), Malformed("sub")),
        (json!({ "jti": "" }), Malformed("jti")),
        (json!({ "jti": long }), Malformed("jti")),
        (json!({ "exp": "1795320000" }), Malformed("exp")),
        (json!({ "exp": 1_795_320_000.5 }), Malformed("exp")),
        (json!({ "exp": u64::MAX }), Malformed("exp")),
        (json!({ "exp": i64::MAX }), Malformed("exp")),
        (json!({ "iat": -1 }), Malformed("iat")),
        (json!({ "nbf": "soon" }), Malformed("nbf")),
        (json!({ "roles": 1 }), Malformed("roles")),
        (json!({ "roles": ["admin", null] }), Malformed("roles")),
        (json!({ "scope": { "keys:create": true } }), Malformed("scope")),
    ] {
        assert_eq!(refusal(&with(&changes)), Some(expected), "{changes}");
    }
    for changes in [
        json!({ "aud": ["another", AUDIENCE] }),
        json!({ "sub": "x".repeat(128), "jti": "y".repeat(128) }),
        json!({ "roles": null, "scope": null }),
        json!({ "unknown": { "of": "ours" } }),
    ] {
        assert_eq!(refusal(&with(&changes)), None, "{changes}");
    }
}

#[test]
fn claims_given_twice_are_refused_even_if_they_agree() {
    for more in [r#""sub":"eve""#, r#""sub":"ada""#, r#""exp":9999999999"#, r#""more":1,"more":1"#] {
        let claims = claims().to_string().replacen('{', &format!("{{{more},"), 1);
        assert_eq!(refusal(&compact(HEADER, &claims, sign_ec)), Some(TokenError::Payload), "{more}");
    }
    // A name that is written with an escape is the same name.
    let claims = claims().to_string().replacen('{', r#"{"s\u0075b":"eve","#, 1);
    assert_eq!(refusal(&compact(HEADER, &claims, sign_ec)), Some(TokenError::Payload));
}

#[test]
fn roles_and_scopes_come_as_arrays_or_between_spaces_and_commas() {
    for value in [json!(["a", "b"]), json!("a b"), json!("a,b"), json!(" b,  a,")] {
        let token = with(&json!({ "roles": value, "scope": value }));
        let claims = verify(&token, &keys(), STAFF, AUDIENCE, now()).unwrap();
        assert_eq!(Vec::from_iter(claims.roles), ["a", "b"], "{value}");
        assert_eq!(Vec::from_iter(claims.scopes), ["a", "b"], "{value}");
    }
}

#[test]
fn times_hold_to_the_second_with_thirty_seconds_of_leeway() {
    use TokenError::{Expired, IssuedInFuture, Lifetime, NotYetValid};
    for (changes, expected) in [
        (json!({ "exp": NOW - 29 }), None),
        (json!({ "exp": NOW - 30 }), Some(Expired)),
        (json!({ "iat": NOW - 7200, "exp": NOW - 3600 }), Some(Expired)),
        (json!({ "iat": NOW + 30 }), None),
        (json!({ "iat": NOW + 31 }), Some(IssuedInFuture)),
        (json!({ "nbf": NOW + 30 }), None),
        (json!({ "nbf": NOW + 31 }), Some(NotYetValid)),
        (json!({ "iat": NOW, "exp": NOW + 12 * 3600 }), None),
        (json!({ "iat": NOW, "exp": NOW + 12 * 3600 + 1 }), Some(Lifetime)),
        (json!({ "iat": 0, "exp": NOW + 1 }), Some(Lifetime)),
        (json!({ "iat": NOW, "exp": NOW }), Some(Lifetime)),
        (json!({ "iat": NOW, "exp": NOW - 1 }), Some(Lifetime)),
    ] {
        // The first second of `now` is not yet over.
        let later = Timestamp::from_millisecond(NOW * 1000 + 999).unwrap();
        assert_eq!(verify(&with(&changes), &keys(), STAFF, AUDIENCE, later).err(), expected, "{changes}");
    }
}

#[test]
fn our_own_tokens_live_a_quarter_of_an_hour_at_most() {
    for issuer in [OUR_ISSUER, BOOTSTRAP_ISSUER] {
        for (lifetime, expected) in [(900, None), (901, Some(TokenError::Lifetime))] {
            let token = with(&json!({ "iss": issuer, "iat": NOW, "exp": NOW + lifetime }));
            assert_eq!(verify(&token, &keys(), issuer, AUDIENCE, now()).err(), expected, "{issuer} {lifetime}");
        }
    }
}

#[test]
fn text_that_is_not_exactly_a_token_is_refused() {
    let good = with(&json!({}));
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    // Two lengths that follow each other are not both whole groups of three.
    let padded = [" ", "  "].map(|space| URL_SAFE.encode(claims().to_string() + space));
    let padded = padded.into_iter().find(|text| text.ends_with('=')).unwrap();
    // Same bytes, with bits set that no byte is made of.
    let (rest, last) = signature.split_at(signature.len() - 1);
    let loose = format!("{rest}{}", char::from(last.as_bytes()[0] + 1));
    for (rule, token) in [
        ("nothing", String::new()),
        ("one part", header.to_owned()),
        ("two parts", format!("{header}.{payload}")),
        ("four parts", format!("{good}.")),
        ("an encrypted token's five", format!("{good}.a.b")),
        ("padding", format!("{header}.{padded}.{signature}")),
        ("the other alphabet", format!("{header}.{payload}.{}", signature.replace(['-', '_'], "+") + "+")),
        ("a space", format!("{good} ")),
        ("a line break", format!("{header}.\n{payload}.{signature}")),
        ("loose bits", format!("{header}.{payload}.{loose}")),
        ("the scheme before it", format!("Bearer {good}")),
    ] {
        assert_eq!(refusal(&token), Some(TokenError::NotAToken), "{rule}");
        assert_eq!(named(&token), Err(TokenError::NotAToken), "{rule}");
    }
    let filler = |length: usize| with(&json!({ "filler": "x".repeat(length) }));
    let overhead = filler(0).len();
    assert_eq!(refusal(&filler((LONGEST_TOKEN - overhead) * 3 / 4 - 2)), None);
    assert_eq!(refusal(&filler((LONGEST_TOKEN - overhead) * 3 / 4 + 4)), Some(TokenError::TooLong));
}

#[test]
fn what_was_not_signed_is_refused() {
    let good = with(&json!({}));
    let [header, _, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let mut claims = claims();
    claims["sub"] = json!("eve");
    let payload = base64url(claims.to_string());
    assert_eq!(refusal(&format!("{header}.{payload}.{signature}")), Some(TokenError::Signature));
    let other = base64url(r#"{"alg":"ES256","kid":"ec"}"#);
    let rest = good.split_once('.').unwrap().1;
    assert_eq!(refusal(&format!("{other}.{rest}")), Some(TokenError::Signature));
    for cut in [1, 32, 64] {
        let signature = base64url(&URL_SAFE_NO_PAD.decode(signature).unwrap()[cut..]);
        let message = good.rsplit_once('.').unwrap().0;
        assert_eq!(refusal(&format!("{message}.{signature}")), Some(TokenError::Signature), "{cut}");
    }
}

#[test]
fn a_key_set_keeps_public_signature_keys_and_nothing_else() {
    let changed = |mut key: Value, name: &str, value: Value| {
        key[name] = value;
        key
    };
    let short = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let n = RsaPublicKeyComponents::<Vec<u8>>::from(short.public_key()).n;
    for (rule, ignored) in [
        ("symmetric", json!({ "kty": "oct", "kid": "x", "k": "AAAA", "alg": "HS256" })),
        ("no key id", json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(ED.public_key()) })),
        ("an empty key id", ed_jwk("")),
        ("for encryption", changed(ed_jwk("x"), "use", json!("enc"))),
        ("for signing only", changed(ed_jwk("x"), "key_ops", json!(["sign"]))),
        ("its private half", changed(ed_jwk("x"), "d", json!("AAAA"))),
        ("another key's algorithm", changed(ec_jwk("x"), "alg", json!("ES384"))),
        ("another family's algorithm", changed(rsa_jwk("x"), "alg", json!("HS256"))),
        ("another padding", changed(rsa_jwk("x"), "alg", json!("PS256"))),
        ("another curve", changed(ec_jwk("x"), "crv", json!("secp256k1"))),
        ("a coordinate cut short", changed(ec_jwk("x"), "x", json!("AAAA"))),
        ("a coordinate that is missing", changed(ec_jwk("x"), "y", Value::Null)),
        ("2040 bits", changed(rsa_jwk("x"), "n", json!(base64url(&n[1..])))),
        ("2047 bits", changed(rsa_jwk("x"), "n", json!(base64url([&[0x7f], &n[1..]].concat())))),
        ("the exponent 3", changed(rsa_jwk("x"), "e", json!("Aw"))),
        ("an even exponent", changed(rsa_jwk("x"), "e", json!("AQAA"))),
        ("an empty modulus", changed(rsa_jwk("x"), "n", json!(""))),
    ] {
        assert!(set_of(std::slice::from_ref(&ignored)).unwrap().is_empty(), "{rule}");
        let set = set_of(&[ignored, ec_jwk("kept")]).unwrap();
        assert_eq!((set.len(), set.contains("kept"), set.contains("x")), (1, true, false), "{rule}");
    }
}

#[test]
fn texts_that_are_no_key_set_are_refused() {
    let key = ec_jwk("a").to_string();
    for (text, expected) in [
        (String::new(), KeySetError::NotAKeySet),
        ("[]".to_owned(), KeySetError::NotAKeySet),
        (format!("[[{key}]]"), KeySetError::NotAKeySet),
        (key.clone(), KeySetError::NotAKeySet),
        (r#"{"keys":{}}"#.to_owned(), KeySetError::NotAKeySet),
        (r#"{"keys":[1]}"#.to_owned(), KeySetError::NotAKeySet),
        (format!(r#"{{"keys":[{key}],"keys":[]}}"#), KeySetError::NotAKeySet),
        (format!(r#"{{"keys":[{}]}}"#, key.replacen('{', r#"{"kid":"b","#, 1)), KeySetError::NotAKeySet),
        (format!(r#"{{"keys":[{key}]}}{}"#, " ".repeat(65_536)), KeySetError::TooLong),
    ] {
        assert_eq!(KeySet::from_jwks(&text), Err(expected), "{text:.80}");
    }
}

#[test]
fn a_set_without_keys_is_a_set() {
    let empty = KeySet::from_jwks(r#"{"keys":[]}"#).unwrap();
    assert!(empty.is_empty());
    assert_eq!(KeySet::from_jwks(&empty.to_jwks()), Ok(empty));
}

#[test]
fn of_keys_with_one_id_none_is_kept_and_the_others_are() {
    for repeated in [[ec_jwk("a"), ed_jwk("a")], [ec_jwk("a"), ec_jwk("a")]] {
        let [one, other] = repeated;
        let set = set_of(&[one, ec_jwk("b"), other.clone(), other]).unwrap();
        assert_eq!((set.len(), set.contains("b"), set.contains("a")), (1, true, false));
    }
}

#[test]
fn the_same_keys_give_the_same_text_and_the_text_gives_the_keys() {
    let mut rsa = rsa_jwk("rsa");
    rsa["x5c"] = json!(["MII"]);
    rsa["n"] =
        json!(base64url([&[0], RsaPublicKeyComponents::<Vec<u8>>::from(RSA.public_key()).n.as_slice()].concat()));
    let set = KeySet::from_jwks(&json!({ "more": 1, "keys": [rsa, ed_jwk("ed"), ec_jwk("ec")] }).to_string()).unwrap();
    assert_eq!(set.to_jwks(), keys().to_jwks());
    assert_eq!(KeySet::from_jwks(&set.to_jwks()), Ok(set.clone()));
    let text: Value = serde_json::from_str(&set.to_jwks()).unwrap();
    let key_ids: Vec<_> = text["keys"].as_array().unwrap().iter().map(|key| &key["kid"]).collect();
    assert_eq!(key_ids, ["ec", "ed", "rsa"]);
    assert!(text["keys"][2]["x5c"].is_null());
}

#[test]
fn a_token_of_ours_signed_in_der_verifies_with_the_public_key_given_in_der() {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let spki: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
    let jwk = jwk_from_spki("kms-key", spki.as_ref()).unwrap();
    let keys = KeySet::from_jwks(&format!(r#"{{"keys":[{jwk}]}}"#)).unwrap();
    let grant = Grant {
        issuer: OUR_ISSUER,
        audience: AUDIENCE,
        subject: "svc-market",
        token_id: "t-1",
        issued_at: now(),
        lifetime_seconds: 600,
        roles: &["system"],
        scopes: &["rates:view", "audit:view"],
    };
    // Often enough that numbers with and without a leading zero byte come up.
    for _ in 0..64 {
        let unsigned = Unsigned::new("kms-key", &grant);
        assert_eq!(unsigned.digest().to_vec(), Sha256::digest(unsigned.signing_input()).to_vec());
        let der = key.sign(&SystemRandom::new(), unsigned.signing_input().as_bytes()).unwrap();
        let token = unsigned.signed(der.as_ref()).unwrap();
        assert_eq!(named(token.expose()).unwrap().key_id, "kms-key");
        let claims = verify(token.expose(), &keys, OUR_ISSUER, AUDIENCE, now()).unwrap();
        assert_eq!((claims.subject.as_str(), claims.token_id.as_str()), ("svc-market", "t-1"));
        assert_eq!((claims.issued_at, claims.expires_at.as_second()), (now(), NOW + 600));
        assert_eq!(Vec::from_iter(claims.roles), ["system"]);
        assert_eq!(Vec::from_iter(claims.scopes), ["audit:view", "rates:view"]);
    }
}

#[test]
fn only_a_whole_p256_key_in_der_becomes_a_jwk() {
    let spki: PublicKeyX509Der<'_> = EC.public_key().as_der().unwrap();
    let spki = spki.as_ref();
    assert!(jwk_from_spki("k", spki).is_ok());
    assert!(jwk_from_spki("", spki).is_err());
    assert!(jwk_from_spki("k", &spki[..spki.len() - 1]).is_err());
    assert!(jwk_from_spki("k", &[spki, &[0]].concat()).is_err());
    let other: PublicKeyX509Der<'_> = ED.public_key().as_der().unwrap();
    assert!(jwk_from_spki("k", other.as_ref()).is_err());
}
