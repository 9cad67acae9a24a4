//! Sealing and signing under KMS.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use engine_aws::Error;
use engine_aws::kms::{ContactCipher, FactorCipher, TokenSigner, public_key};
use engine_test_support::clock::ManualClock;
use engine_test_support::kms::Kms;
use jiff::SignedDuration;
use zeroize::Zeroizing;

const SECRET: &[u8] = b"a secret of twenty b";

fn refused(opened: Result<Zeroizing<Vec<u8>>, Error>) {
    match opened {
        Err(Error::Corrupt { .. }) => {}
        other => panic!("{other:?}"),
    }
}

/// Every form one bit or one byte away from `stored`.
fn damaged(stored: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let flipped = (0..stored.len()).map(|at| {
        let mut bytes = stored.to_vec();
        bytes[at] ^= 1;
        bytes
    });
    let cut = (0..stored.len()).map(|length| stored[..length].to_vec());
    flipped.chain(cut).chain([[stored, &[0]].concat()])
}

#[tokio::test]
async fn a_second_factor_opens_for_its_person_only() {
    let kms = Kms::new();
    let cipher = FactorCipher::new(kms.client(), kms.symmetric_key());
    let sealed = cipher.seal("person-1", SECRET).await.unwrap();
    assert_eq!(*cipher.open("person-1", &sealed).await.unwrap(), SECRET);
    assert!(!sealed.windows(SECRET.len()).any(|bytes| bytes == SECRET));
    refused(cipher.open("person-2", &sealed).await);
}

#[tokio::test]
async fn a_second_factor_that_was_changed_or_sealed_under_another_key_does_not_open() {
    let kms = Kms::new();
    let cipher = FactorCipher::new(kms.client(), kms.symmetric_key());
    let sealed = cipher.seal("person-1", SECRET).await.unwrap();
    for bytes in damaged(&sealed) {
        refused(cipher.open("person-1", &bytes).await);
    }
    refused(cipher.open("person-1", &[0; 6145]).await);
    let other = FactorCipher::new(kms.client(), kms.symmetric_key());
    refused(other.open("person-1", &sealed).await);
}

#[tokio::test]
async fn a_factor_and_a_contact_are_never_taken_for_each_other() {
    let kms = Kms::new();
    let key = kms.symmetric_key();
    let purpose = |purpose: &str| {
        kms.client()
            .encrypt()
            .key_id(&key)
            .encryption_context("purpose", purpose)
            .encryption_context("person_id", "person-1")
            .plaintext(Blob::new(SECRET))
    };
    let cipher = FactorCipher::new(kms.client(), &key);
    let sealed = purpose("contact").send().await.unwrap().ciphertext_blob.unwrap();
    refused(cipher.open("person-1", sealed.as_ref()).await);
    let sealed = purpose("totp").send().await.unwrap().ciphertext_blob.unwrap();
    assert_eq!(*cipher.open("person-1", sealed.as_ref()).await.unwrap(), SECRET);
}

#[tokio::test]
async fn a_contact_opens_for_its_client_and_itself_only() {
    let kms = Kms::new();
    let cipher = ContactCipher::new(kms.client(), kms.symmetric_key());
    let address = b"desk@example.com";
    let stored = cipher.seal("client", "contact-1", address).await.unwrap();
    assert_eq!(*cipher.open("client", "contact-1", &stored).await.unwrap(), address);
    assert!(!stored.windows(address.len()).any(|bytes| bytes == address));
    for (client, contact) in [("client", "contact-2"), ("other", "contact-1"), ("contact-1", "client")] {
        refused(cipher.open(client, contact, &stored).await);
    }
}

#[tokio::test]
async fn a_contact_that_is_opened_again_within_a_minute_costs_one_call() {
    let (kms, clock) = (Kms::new(), ManualClock::at("2026-01-15T22:00:00Z"));
    let cipher = ContactCipher::new(kms.client(), kms.symmetric_key()).with_clock(clock.shared());
    let stored = cipher.seal("client", "contact-1", b"desk@example.com").await.unwrap();
    for (calls, after) in [(1, 0), (1, 59), (2, 60), (2, 60 + 59), (3, 60 + 60)] {
        clock.set("2026-01-15T22:00:00Z".parse().unwrap());
        clock.advance(SignedDuration::from_secs(after));
        // Clones share what they opened.
        assert_eq!(*cipher.clone().open("client", "contact-1", &stored).await.unwrap(), b"desk@example.com");
        assert_eq!(kms.control().count("Decrypt"), calls, "after {after} s");
    }
}

#[tokio::test]
async fn a_data_key_that_is_remembered_opens_for_its_own_contact_only() {
    let kms = Kms::new();
    let cipher = ContactCipher::new(kms.client(), kms.symmetric_key());
    let stored = cipher.seal("client", "contact-1", b"desk@example.com").await.unwrap();
    cipher.open("client", "contact-1", &stored).await.unwrap();
    for (client, contact) in [("client", "contact-2"), ("other", "contact-1")] {
        refused(cipher.open(client, contact, &stored).await);
    }
    assert_eq!(kms.control().count("Decrypt"), 3, "KMS was asked about each");
    kms.control().deny("Decrypt");
    let other = cipher.open("client", "contact-2", &stored).await;
    assert!(matches!(other, Err(Error::Unavailable { .. })), "{other:?}");
    assert!(cipher.open("client", "contact-1", &stored).await.is_ok());
}

#[tokio::test]
async fn what_was_sealed_before_a_key_rotated_opens_afterwards() {
    let kms = Kms::new();
    let key = kms.symmetric_key();
    let factors = FactorCipher::new(kms.client(), &key);
    // Each cipher is another process, which remembers nothing.
    let contacts = || ContactCipher::new(kms.client(), &key);
    let (mut sealed_factors, mut sealed_contacts) = (Vec::new(), Vec::new());
    for _year in 0..3 {
        sealed_factors.push(factors.seal("person-1", SECRET).await.unwrap());
        sealed_contacts.push(contacts().seal("client", "contact-1", b"desk@example.com").await.unwrap());
        kms.rotate(&key);
        for sealed in &sealed_factors {
            assert_eq!(*factors.open("person-1", sealed).await.unwrap(), SECRET);
            refused(factors.open("person-2", sealed).await);
        }
        for sealed in &sealed_contacts {
            assert_eq!(*contacts().open("client", "contact-1", sealed).await.unwrap(), b"desk@example.com");
            refused(contacts().open("client", "contact-2", sealed).await);
        }
    }
}

#[tokio::test]
async fn only_a_symmetric_key_rotates_by_itself() {
    let kms = Kms::new();
    let rotated = kms.client().rotate_key_on_demand().key_id(kms.signing_key()).send().await;
    assert!(rotated.unwrap_err().as_service_error().unwrap().is_unsupported_operation_exception());
    kms.client().rotate_key_on_demand().key_id(kms.symmetric_key()).send().await.unwrap();
}

#[tokio::test]
async fn contacts_of_every_length_come_back_and_no_two_are_sealed_alike() {
    let kms = Kms::new();
    let cipher = ContactCipher::new(kms.client(), kms.symmetric_key());
    for length in [0, 1, 16, 5000] {
        let contact = vec![b'x'; length];
        let (first, second) = (cipher.seal("c", "1", &contact).await, cipher.seal("c", "1", &contact).await);
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_ne!(first, second);
        assert_eq!(*cipher.open("c", "1", &first).await.unwrap(), contact);
        assert_eq!(*cipher.open("c", "1", &second).await.unwrap(), contact);
    }
}

#[tokio::test]
async fn a_contact_that_was_changed_anywhere_does_not_open() {
    let kms = Kms::new();
    let cipher = ContactCipher::new(kms.client(), kms.symmetric_key());
    let stored = cipher.seal("client", "contact-1", b"desk@example.com").await.unwrap();
    for bytes in damaged(&stored) {
        refused(cipher.open("client", "contact-1", &bytes).await);
    }
}

#[tokio::test]
async fn the_ciphertext_of_one_contact_does_not_open_under_the_data_key_of_another() {
    let kms = Kms::new();
    let cipher = ContactCipher::new(kms.client(), kms.symmetric_key());
    let one = cipher.seal("client", "contact-1", b"one@example.com").await.unwrap();
    let two = cipher.seal("client", "contact-1", b"two@example.com").await.unwrap();
    let key_end = 3 + usize::from(u16::from_be_bytes([one[1], one[2]]));
    refused(cipher.open("client", "contact-1", &[&one[..key_end], &two[key_end..]].concat()).await);
}

#[tokio::test]
async fn a_contact_is_bound_to_whose_it_is_by_its_own_ciphertext_too() {
    let kms = Kms::new();
    let key = kms.symmetric_key();
    let context = [("purpose", "contact"), ("client_id", "client"), ("contact_id", "contact-1")];
    let context = context.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let request = kms.client().generate_data_key().key_id(&key).key_spec(DataKeySpec::Aes256);
    let data_key = request.set_encryption_context(Some(context)).send().await.unwrap();
    let (plain, sealed_key) = (data_key.plaintext.unwrap(), data_key.ciphertext_blob.unwrap().into_inner());
    let mut sealed = b"desk@example.com".to_vec();
    let gcm = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, plain.as_ref()).unwrap());
    gcm.seal_in_place_append_tag(Nonce::assume_unique_for_key([7; 12]), Aad::empty(), &mut sealed).unwrap();
    let length = u16::try_from(sealed_key.len()).unwrap().to_be_bytes();
    let stored = [&[1][..], &length, &sealed_key, &[7; 12], &sealed].concat();
    refused(ContactCipher::new(kms.client(), &key).open("client", "contact-1", &stored).await);
}

#[tokio::test]
async fn a_token_signature_verifies_over_the_digest_itself_with_the_published_key() {
    let kms = Kms::new();
    let arn = kms.signing_key();
    let signer = TokenSigner::new(kms.client(), &arn);
    let (key_id, spki) = public_key(&kms.client(), &arn).await.unwrap();
    assert_eq!(key_id, signer.key_id());
    assert!(arn.ends_with(&format!(":key/{key_id}")));

    let hashed = digest::digest(&digest::SHA256, b"header.claims");
    let signature = signer.sign(hashed.as_ref().try_into().unwrap()).await.unwrap();
    let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &spki).unwrap();
    assert!(key.verify_sig(b"header.claims", &signature).is_ok());
    assert!(key.verify_sig(b"header.claimz", &signature).is_err());
    assert!(key.verify_sig(hashed.as_ref(), &signature).is_err());
}

#[tokio::test]
async fn only_a_signing_key_on_p256_is_published() {
    let kms = Kms::new();
    for (spec, usage) in [("ECC_NIST_P384", "SIGN_VERIFY"), ("ECC_NIST_P256", "KEY_AGREEMENT")] {
        let published = public_key(&kms.client(), &kms.key_pair(spec, usage)).await;
        assert!(matches!(published, Err(Error::Corrupt { .. })), "{spec} {usage}: {published:?}");
    }
    assert!(public_key(&kms.client(), &kms.symmetric_key()).await.is_err());
}

#[tokio::test]
async fn a_key_does_only_what_it_is_for_and_one_that_there_is_not_does_nothing() {
    let kms = Kms::new();
    let (sealing, signing) = (kms.symmetric_key(), kms.signing_key());
    assert!(TokenSigner::new(kms.client(), &sealing).sign([0; 32]).await.is_err());
    assert!(FactorCipher::new(kms.client(), &signing).seal("person", SECRET).await.is_err());
    let missing = FactorCipher::new(kms.client(), format!("{sealing}0")).seal("person", SECRET).await;
    assert!(missing.unwrap_err().to_string().contains("NotFoundException"));
}

#[tokio::test]
async fn a_kms_that_fails_or_denies_is_unavailable_and_never_taken_for_a_bad_ciphertext() {
    let kms = Kms::new();
    let (key, signing) = (kms.symmetric_key(), kms.signing_key());
    let (factors, contacts) = (FactorCipher::new(kms.client(), &key), ContactCipher::new(kms.client(), &key));
    let factor = factors.seal("person", SECRET).await.unwrap();
    let contact = contacts.seal("client", "contact", SECRET).await.unwrap();
    for denied in [false, true] {
        for action in ["Encrypt", "Decrypt", "GenerateDataKey", "Sign", "GetPublicKey"] {
            if denied { kms.control().deny(action) } else { kms.control().fail(action, usize::MAX) }
        }
        let failures = [
            factors.seal("person", SECRET).await.err(),
            factors.open("person", &factor).await.err(),
            contacts.seal("client", "contact", SECRET).await.err(),
            contacts.open("client", "contact", &contact).await.err(),
            TokenSigner::new(kms.client(), &signing).sign([0; 32]).await.err(),
            public_key(&kms.client(), &signing).await.err(),
        ];
        for failure in failures {
            assert!(matches!(failure, Some(Error::Unavailable { .. })), "{failure:?}");
        }
    }
    assert_eq!(kms.control().count("Decrypt"), 4);
}
