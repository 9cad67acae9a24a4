//! KMS: what seals second factors and contacts, and what signs tokens and notes.
//!
//! Each sealed thing is bound to whose it is by its encryption context, so that a ciphertext moved to another record
//! does not open there.

mod contact;
mod factor;
mod note;
mod opened;
mod token;

pub use contact::ContactCipher;
pub use factor::FactorCipher;
pub use note::NoteSigner;
pub use token::{TokenSigner, public_key};

use std::collections::HashMap;

use aws_sdk_kms::Client;
use aws_sdk_kms::operation::decrypt::DecryptError;
use aws_sdk_kms::primitives::Blob;
use zeroize::Zeroizing;

use crate::Error;

/// Most bytes of a ciphertext that KMS takes; it has no word of its own for a longer one, nor for an empty one.
const CIPHERTEXT_LIMIT: usize = 6144;

/// The encryption context: what KMS binds to a ciphertext and writes to its trail in clear, so nothing secret.
type Context<'a> = [(&'static str, &'a str)];

fn for_kms(context: &Context<'_>) -> HashMap<String, String> {
    context.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What KMS sealed under that key and context. [`Error::Corrupt`] where it was not, or was changed since.
async fn decrypt(
    client: &Client,
    key_arn: &str,
    context: &Context<'_>,
    what: &'static str,
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    if !(1..=CIPHERTEXT_LIMIT).contains(&ciphertext.len()) {
        return Err(Error::corrupt(what, "it is no ciphertext of KMS"));
    }
    let opened = client
        .decrypt()
        .key_id(key_arn)
        .set_encryption_context(Some(for_kms(context)))
        .ciphertext_blob(Blob::new(ciphertext))
        .send()
        .await;
    let opened = opened.map_err(|error| match error.as_service_error() {
        Some(DecryptError::InvalidCiphertextException(_)) => Error::corrupt(what, "it does not open under its context"),
        Some(DecryptError::IncorrectKeyException(_)) => Error::corrupt(what, "it was sealed under another key"),
        _ => Error::unavailable("kms:Decrypt", &error),
    })?;
    required(opened.plaintext, "kms:Decrypt").map(Zeroizing::new)
}

/// A field that every answer of that kind has.
fn required(field: Option<Blob>, operation: &'static str) -> Result<Vec<u8>, Error> {
    let incomplete = || Error::Unavailable { operation, cause: "the answer is not complete".to_owned() };
    field.map(Blob::into_inner).ok_or_else(incomplete)
}
