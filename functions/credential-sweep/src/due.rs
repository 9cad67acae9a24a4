//! What is due: told of once a turn, and recorded in the same transaction.

use aws_sdk_kms::primitives::DateTime;
use engine_aws::Error;
use engine_aws::author::{Act, Author};
use engine_aws::change::Change;
use engine_core::audit::{Event, Outcome};
use engine_core::rotation::{CredentialKind, Notice, NoticeKind};
use engine_core::time::rfc3339;
use jiff::Timestamp;
use serde_json::json;

use crate::CredentialSweep;

/// A credential or a review that is due, of which the desk is told.
pub(crate) struct Finding {
    pub(crate) kind: NoticeKind,
    pub(crate) credential_kind: Option<CredentialKind>,
    /// Its name in the notice.
    pub(crate) credential: String,
    /// Its name in the record.
    pub(crate) resource: String,
    /// Tells this turn from the next.
    pub(crate) turn: String,
    pub(crate) due_at: Option<Timestamp>,
    /// What to do, in lines separated by `\n`.
    pub(crate) text: String,
}

impl Finding {
    fn notice(&self, now: Timestamp) -> Notice {
        Notice {
            kind: self.kind,
            credential_kind: self.credential_kind,
            credential: self.credential.clone(),
            turn: self.turn.clone(),
            client_id: None,
            due_at: self.due_at,
            text: self.text.clone(),
            made_at: now,
        }
    }
}

impl CredentialSweep {
    /// Makes the notice of what is due, with its entry. False where it was made before.
    pub(crate) async fn tell_due(&self, due: &Finding, change: Change, author: &Author) -> Result<bool, Error> {
        let (mut change, now) = (change, self.clock.now());
        let notice = due.notice(now);
        if self.outbox.has(&notice.id()).await? {
            return Ok(false);
        }
        self.outbox.add(&mut change, &notice)?;
        let act = Act {
            event: Event::CredentialDue,
            outcome: Outcome::Success,
            resource: due.resource.clone(),
            reason: None,
            client_ref: None,
            subject_ref: None,
            details: json!({
                "notice": due.kind.as_str(),
                "kind": due.credential_kind.map(CredentialKind::as_str),
                "turn": due.turn,
                "due_at": due.due_at.map(rfc3339),
            }),
        };
        change.record(&self.audit, &author.entry(act, now)?)?;
        committed(change.commit(&self.dynamodb).await)
    }
}

/// Whether a change was made here. What somebody else did meanwhile is not a failure: where it was not the same thing, the next
/// run judges what is there then.
pub(crate) fn committed(result: Result<(), Error>) -> Result<bool, Error> {
    match result {
        Ok(()) => Ok(true),
        Err(Error::Conflict(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A time as AWS says it.
pub(crate) fn timestamp(what: &'static str, at: Option<&DateTime>) -> Result<Timestamp, Error> {
    let at = at.ok_or_else(|| Error::corrupt(what, "missing"))?;
    let millis = at.to_millis().map_err(|error| Error::corrupt(what, error))?;
    Timestamp::from_millisecond(millis).map_err(|error| Error::corrupt(what, error))
}
