//! Everything that makes a command fail, in words that say what to do about it.

use std::io;
use std::path::PathBuf;

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use engine_aws::directory::DirectoryError;
use engine_aws::evidence::ExportError;
use engine_core::field::FieldError;
use engine_core::quote::ReplayError;
use market_data::ImportError;

use crate::api::Refusal;
use crate::exit::Exit;

/// Why a command could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file named on the command line.
    #[error("cannot open {}: {cause}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's account of it.
        cause: io::Error,
    },
    /// Input that broke off.
    #[error("cannot read the input: {0}")]
    Read(io::Error),
    /// Output that nobody takes.
    #[error("cannot write the output: {0}")]
    Write(io::Error),
    /// The header of a CSV file, without which no row can be read.
    #[error("line {line}: {problem}")]
    CsvHeader {
        /// Where the header is.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The machine has nothing left to work with.
    #[error("cannot start: {0}")]
    Runtime(io::Error),
    /// Nothing says where the stack is.
    #[error("no AWS region: set AWS_REGION, or choose a profile that has one with AWS_PROFILE")]
    NoRegion,
    /// Nothing says where the API is.
    #[error("no API: set ENGINE_API_URL, or give --api-url")]
    NoApi,
    /// What should say where the API is does not. It is not quoted: it may hold a password.
    #[error("the address of the API must be as https://api.example.com, without user, query or fragment")]
    NotAnApiUrl,
    /// Nothing says who calls.
    #[error("no token: set ENGINE_TOKEN, or give --token-file")]
    NoToken,
    /// Nothing says which client calls.
    #[error("no API key: set ENGINE_API_KEY or API_KEY")]
    NoKey,
    /// Nobody is there to give a code.
    #[error("no code of the second factor: give one with --totp or ENGINE_TOTP")]
    NoCode,
    /// A secret was shown, and its first code was not given.
    #[error("no first code was given; once you have one: engine principals enrol {principal_id} --code CODE")]
    NoFirstCode {
        /// Whose second factor.
        principal_id: String,
    },
    /// A place that should hold a token, a key or a code. What it holds is not quoted.
    #[error("{0} holds no secret: it must be one word of visible ASCII characters")]
    NotASecret(String),
    /// The API understood and refused.
    #[error("{0}")]
    Api(Box<Refusal>),
    /// The API could not be reached, or its answer was lost.
    #[error("{cause}; check --api-url, or try again{}", if *.changing { ", having looked whether it was done" } else { "" })]
    Unanswered {
        /// The client's account of it.
        cause: String,
        /// Whether the call was one that changes something.
        changing: bool,
    },
    /// AWS understood and refused.
    #[error("{operation} was refused: {cause}; check the credentials, their permissions, the region and --stack")]
    Refused {
        /// The call, as `service:Action`.
        operation: &'static str,
        /// The service's account of it.
        cause: String,
    },
    /// AWS could not be reached or did not do it.
    #[error("{operation} failed: {cause}; check the credentials, the region and --stack, or try again")]
    Unavailable {
        /// The call, as `service:Action`.
        operation: &'static str,
        /// The SDK's account of it.
        cause: String,
    },
    /// An answer that lacks what it must have.
    #[error("{0} answered with {1}")]
    Answer(&'static str, String),
    /// Options that do not hold what they must.
    #[error("{}", options(.0))]
    Invalid(Vec<FieldError>),
    /// An argument that is not an id of the kind asked for.
    #[error("{text} is not {expected}")]
    NotAnId {
        /// The argument.
        text: String,
        /// What it should be.
        expected: &'static str,
    },
    /// An argument that cannot be read as what it is.
    #[error("{what}: {problem}")]
    Argument {
        /// Which.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A check of an evidence bundle that failed.
    #[error("not verified: {check}: {why}")]
    NotVerified {
        /// The check.
        check: &'static str,
        /// Why it failed.
        why: String,
    },
    /// An export that came to nothing.
    #[error("no bundle was made: {0}")]
    NotExported(String),
    /// An export that did not come to its end in time.
    #[error(
        "export {evidence_id} was not done after {seconds} s; it may still be: run the command again, or ask for less"
    )]
    ExportNotDone {
        /// The export.
        evidence_id: String,
        /// How long was waited.
        seconds: u64,
    },
    /// An emergency rotation that did not come to its end in time.
    #[error("rotation {rotation_id} was not done after {seconds} s; it goes on: engine rotations show {rotation_id}")]
    RotationNotDone {
        /// The rotation.
        rotation_id: String,
        /// How long was waited.
        seconds: u64,
    },
    /// A bundle that arrived otherwise than it was made.
    #[error("what was fetched is not the bundle that was made: its SHA-256 is {found}, not {expected}; try again")]
    OtherBundle {
        /// Digest of the bundle that was made.
        expected: String,
        /// Digest of what was fetched.
        found: String,
    },
    /// Nobody is there to say yes.
    #[error("nothing was put back: give --yes where nobody can be asked")]
    NotConfirmed,
    /// What was asked for is not there.
    #[error("there is no {0} in this stack")]
    NotFound(String),
    /// The state is not one from which the change is allowed.
    #[error("not done: {0}")]
    Conflict(String),
    /// A file that no importer would read.
    #[error("{} is larger than 16 MiB", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A file whose content does not say what it is.
    #[error("cannot tell what {} holds: say --source short-stock, volatility, event-risk or minimum-rates", path.display())]
    UnknownSource {
        /// The file.
        path: PathBuf,
    },
    /// An upload that nothing became of in time.
    #[error(
        "the file was uploaded, but import {import_id} was not done after {seconds} s; it may still be: look with `engine import list`, \
         and into the market-data function's log"
    )]
    NotImported {
        /// The import.
        import_id: String,
        /// How long was waited.
        seconds: u64,
    },
    /// A quarantined file that could not be accepted.
    #[error("not accepted: {0}")]
    NotAccepted(ImportError),
    /// An audit entry that is no quote that can be priced again.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// Stored data that this version of the command cannot read.
    #[error("stored {what} cannot be read: {cause}")]
    Corrupt {
        /// What kind of data.
        what: String,
        /// Why.
        cause: String,
    },
}

/// Refused fields as the options that gave them.
pub(crate) fn options(errors: &[FieldError]) -> String {
    let option = |error: &FieldError| {
        let option = match error.field.rsplit('.').next().unwrap_or_default() {
            "markup_percentage" => "markup".to_owned(),
            "mfaTotp" => "totp".to_owned(),
            field => field.replace('_', "-"),
        };
        format!("--{option} {}", error.message)
    };
    errors.iter().map(option).collect::<Vec<_>>().join("; ")
}

impl Error {
    /// A failed SDK call: refused by the service, or not done and worth another try.
    pub(crate) fn aws<E, R>(operation: &'static str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug,
    {
        match error {
            SdkError::ServiceError(refused) => {
                let code = refused.err().code().unwrap_or("unknown error");
                let message = refused.err().message().unwrap_or("no message");
                Self::Refused { operation, cause: format!("{code}, {message}") }
            }
            other => Self::Unavailable { operation, cause: DisplayErrorContext(other).to_string() },
        }
    }

    /// Whether the reader of our output went away, as `head` does. That is no failure.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Write(cause) if cause.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The exit status that scripts see.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Unavailable { .. }
            | Self::Unanswered { .. }
            | Self::NotImported { .. }
            | Self::ExportNotDone { .. }
            | Self::RotationNotDone { .. }
            | Self::OtherBundle { .. } => Exit::Unavailable,
            Self::Api(refusal) => refusal.exit(),
            _ if self.is_broken_pipe() => Exit::Done,
            _ => Exit::Failed,
        }
    }
}

impl From<engine_aws::Error> for Error {
    fn from(error: engine_aws::Error) -> Self {
        match error {
            engine_aws::Error::Unavailable { operation, cause } => Self::Unavailable { operation, cause },
            engine_aws::Error::Conflict(what) => Self::Conflict(what),
            engine_aws::Error::NotFound(what) => Self::NotFound(what),
            engine_aws::Error::Corrupt { what, cause } => Self::Corrupt { what: what.to_owned(), cause },
        }
    }
}

impl From<ExportError> for Error {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Invalid { field, problem } => Self::Invalid(vec![FieldError::new(field, problem)]),
            ExportError::Store(error) => error.into(),
            other => Self::NotExported(other.to_string()),
        }
    }
}

impl From<DirectoryError> for Error {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Invalid(fields) => Self::Invalid(fields),
            DirectoryError::Store(error) => error.into(),
        }
    }
}

impl From<ImportError> for Error {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Store(error) => error.into(),
            other => Self::NotAccepted(other),
        }
    }
}
