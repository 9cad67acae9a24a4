//! `engine evidence keys`: the keys that auditors verify with, out of the key register.

use engine_aws::sealed_log::LogReader;
use engine_core::evidence::TimedKey;
use engine_core::merkle::KeyPurpose;

use crate::error::Error;
use crate::exit::Exit;
use crate::show;
use crate::stack::{Stack, StackArguments};

/// Runs the command.
pub(super) async fn run(stack: &StackArguments) -> Result<Exit, Error> {
    let stack = Stack::to_read(stack).await?;
    let reader = stack.log_reader(&stack.caller().await?.account);
    let keys = keys(&reader).await?;
    keys.iter().try_for_each(|key| show::line(&key.to_string()))?;
    Ok(Exit::Done)
}

/// Keys of checkpoints and of manifests, oldest first. The chains of the register have been checked.
pub(super) async fn keys(reader: &LogReader) -> Result<Vec<TimedKey>, Error> {
    let register = reader.register().await?;
    let of = |purpose| register.verifier_keys(purpose);
    let keys = [KeyPurpose::Log, KeyPurpose::Evidence].into_iter().flat_map(of);
    let keys: Vec<_> = keys.map(|(key, from, until)| TimedKey { key, from: Some(from), until }).collect();
    if keys.is_empty() { Err(Error::NotFound("registered key".to_owned())) } else { Ok(keys) }
}
