//! Why a step was not done.

/// Why a step was not done. It names secrets and versions, and quotes no value: Secrets Manager writes it into its own log.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// Secrets Manager knows no such step.
    #[error("{0:?} is no step of a rotation")]
    UnknownStep(String),
    /// The secret is none of the stack's.
    #[error("secret {0} is none that this function rotates")]
    NotOurs(String),
    /// Rotation was ended, or never set up.
    #[error("secret {0} is not enabled for rotation")]
    NotEnabled(String),
    /// The secret has no such version.
    #[error("version {version} is none of secret {secret}")]
    UnknownVersion {
        /// The secret's name.
        secret: String,
        /// The version.
        version: String,
    },
    /// Another rotation is under way, or this one is over.
    #[error("version {version} of secret {secret} is not labelled AWSPENDING")]
    NotPending {
        /// The secret's name.
        secret: String,
        /// The version.
        version: String,
    },
    /// There is nothing to rotate from.
    #[error("secret {0} has no value labelled AWSCURRENT")]
    NoCurrent(String),
    /// An earlier step was left out.
    #[error("version {version} of secret {secret} is not ready: {step} comes first")]
    NotReady {
        /// The secret's name.
        secret: String,
        /// The version.
        version: String,
        /// The step that makes it so.
        step: &'static str,
    },
    /// A value is not of the secret's kind, or not the successor of the current one.
    #[error("the {label} value of secret {secret} {why}")]
    Value {
        /// The secret's name.
        secret: String,
        /// Its label.
        label: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The pending credential does not authenticate.
    #[error("the token endpoint answered the credential of secret {secret} with status {status}")]
    Refused {
        /// The secret's name.
        secret: String,
        /// The status; 200 where there was no token in the answer.
        status: u16,
    },
    /// A store or the network did not do it.
    #[error(transparent)]
    Store(#[from] engine_aws::Error),
}
