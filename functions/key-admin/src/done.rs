//! What a handler ends with: an answer, or a change that is still to be made.

use engine_aws::change::Change;
use engine_aws::notices::Notice;
use engine_http::problem::Problem;
use engine_http::response::Reply;

/// What a handler ends with.
pub(crate) enum Done {
    /// Nothing is changed.
    Read(Reply),
    /// A change, to be told and then committed with the caller's idempotency record.
    Made(Box<Made>),
}

/// A prepared change and what is said of it.
pub(crate) struct Made {
    /// The writes, audit entry included.
    pub change: Change,
    /// What the caller is told.
    pub answer: Reply,
    /// What a repeat of the request is told: the same, a secret shown once left out.
    pub repeat: Reply,
    /// Who else is told, before the change is made.
    pub notices: Vec<Notice>,
}

/// A handler's end.
pub(crate) type Handled = Result<Done, Problem>;

impl Done {
    /// A change whose answer holds no secret.
    pub(crate) fn made(change: Change, answer: Reply) -> Self {
        Self::Made(Box::new(Made { change, repeat: answer.clone(), answer, notices: Vec::new() }))
    }
}
