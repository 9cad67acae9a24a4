//! KMS: keys for Ed25519.

use aws_lc_rs::signature::{ED25519, ParsedPublicKey};
use aws_sdk_kms::error::ProvideErrorMetadata;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, KeyUsageType, MessageType, SigningAlgorithmSpec};
use engine_test_support::kms::Kms;

#[tokio::test]
async fn an_ed25519_key_signs_the_message_itself() {
    let kms = Kms::new();
    let key = kms.ed25519_key();
    let sign = kms.client().sign().key_id(&key).message(Blob::new(b"a checkpoint"));
    let sign = sign.message_type(MessageType::Raw).signing_algorithm(SigningAlgorithmSpec::Ed25519Sha512);
    let signature = sign.send().await.unwrap().signature.unwrap().into_inner();
    let shown = kms.client().get_public_key().key_id(&key).send().await.unwrap();
    assert_eq!(shown.key_spec(), Some(&KeySpec::EccNistEdwards25519));
    assert_eq!(shown.key_usage(), Some(&KeyUsageType::SignVerify));
    let der = shown.public_key.unwrap().into_inner();
    assert_eq!(der.len(), 44, "RFC 8410, section 4: 12 bytes before the key");
    let public = ParsedPublicKey::new(&ED25519, &der).unwrap();
    public.verify_sig(b"a checkpoint", &signature).unwrap();
    public.verify_sig(b"another checkpoint", &signature).unwrap_err();
}

#[tokio::test]
async fn a_digest_or_another_algorithm_is_not_signed_with_ed25519() {
    let kms = Kms::new();
    let (edwards, p256) = (kms.ed25519_key(), kms.signing_key());
    for (key, kind, algorithm, length, expected) in [
        (&edwards, MessageType::Digest, SigningAlgorithmSpec::Ed25519Sha512, 32, "ValidationException"),
        (&edwards, MessageType::Raw, SigningAlgorithmSpec::Ed25519Sha512, 4097, "ValidationException"),
        (&edwards, MessageType::Raw, SigningAlgorithmSpec::EcdsaSha256, 32, "InvalidKeyUsageException"),
        (&p256, MessageType::Raw, SigningAlgorithmSpec::Ed25519Sha512, 32, "InvalidKeyUsageException"),
        (&p256, MessageType::Raw, SigningAlgorithmSpec::EcdsaSha256, 32, "ValidationException"),
    ] {
        let sign = kms.client().sign().key_id(key).message(Blob::new(vec![0; length]));
        let refused = sign.message_type(kind).signing_algorithm(algorithm).send().await.unwrap_err();
        assert_eq!(refused.code(), Some(expected));
    }
}
