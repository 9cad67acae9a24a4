//! The closed lists of what can happen, and how it can end.

use std::fmt;

/// What an audit entry records. The names are part of the evidence format: one is never reused for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// A quote was asked for, one position.
    QuoteCreate,
    /// A batch of quotes was asked for.
    QuoteBatchCreate,
    /// A client was created, with its first terms.
    ClientCreate,
    /// A client was given further terms.
    ClientTermsAdd,
    /// An API key was issued.
    ApiKeyCreate,
    /// An API key was revoked.
    ApiKeyRevoke,
    /// A market data snapshot became the current one of its source.
    SnapshotImport,
    /// A market data file was held back until a person accepts it.
    ImportQuarantine,
    /// A market data file was refused whole.
    ImportRefuse,
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 9] = [
        Self::QuoteCreate,
        Self::QuoteBatchCreate,
        Self::ClientCreate,
        Self::ClientTermsAdd,
        Self::ApiKeyCreate,
        Self::ApiKeyRevoke,
        Self::SnapshotImport,
        Self::ImportQuarantine,
        Self::ImportRefuse,
    ];

    /// The event's name on the wire and in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QuoteCreate => "quote.create",
            Self::QuoteBatchCreate => "quote.batch.create",
            Self::ClientCreate => "client.create",
            Self::ClientTermsAdd => "client.terms.add",
            Self::ApiKeyCreate => "api_key.create",
            Self::ApiKeyRevoke => "api_key.revoke",
            Self::SnapshotImport => "snapshot.import",
            Self::ImportQuarantine => "import.quarantine",
            Self::ImportRefuse => "import.refuse",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the recorded act ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was understood and not done: not allowed, not found, or invalid.
    Refused,
}

impl Outcome {
    /// The outcome's name on the wire and in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
        }
    }
}
