//! Reviews that nobody made in time: of accounts and service accounts each quarter, of roles each year.

use engine_aws::Error;
use engine_aws::author::Author;
use engine_aws::change::Change;
use engine_aws::people::{AccessRow, RoleReview};
use engine_core::access::review::{ACCOUNT_REVIEW, Flag, ROLE_REVIEW, role_review_due};
use engine_core::audit::ActorType;
use engine_core::rotation::NoticeKind;
use engine_core::time::rfc3339;
use jiff::{SignedDuration, Timestamp};

use crate::due::Finding;
use crate::tally::Tally;
use crate::{CredentialSweep, PAGE};

impl CredentialSweep {
    /// Tells of reviews that are overdue, once each time that another one is.
    pub(crate) async fn sweep_reviews(&self, author: &Author, tally: &mut Tally) {
        let (mut after, now) = (None, self.clock.now());
        loop {
            let page = self.people.access_review(PAGE, after.as_deref(), now).await;
            let page = match page.map(|page| page.ok_or_else(|| Error::corrupt("place in a review", "not one"))) {
                Ok(Ok(page)) => page,
                Ok(Err(error)) | Err(error) => {
                    tally.fail("reviews of accounts", error);
                    break;
                }
            };
            for row in page.items.iter().filter(|row| row.flags.contains(&Flag::Unreviewed)) {
                self.tell_review(&of_account(row, now), author, tally).await;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        match self.people.role_reviews().await {
            Ok(reviews) => {
                for held in &reviews {
                    match of_role(held, now) {
                        Ok(Some(due)) => self.tell_review(&due, author, tally).await,
                        Ok(None) => {}
                        Err(error) => tally.fail("reviews of roles", error),
                    }
                }
            }
            Err(error) => tally.fail("reviews of roles", error),
        }
    }

    async fn tell_review(&self, due: &Finding, author: &Author, tally: &mut Tally) {
        match self.tell_due(due, Change::default(), author).await {
            Ok(told) => tally.done.found_due += usize::from(told),
            Err(error) => tally.fail("a review that is overdue", error),
        }
    }
}

fn of_account(row: &AccessRow, now: Timestamp) -> Finding {
    let reviewed_at = row.review.as_ref().map_or(row.created_at, |review| review.at);
    let resource = match row.kind {
        ActorType::ServiceAccount => format!("service_account:{}", row.id),
        _ => format!("principal:{}", row.id),
    };
    let due_at = reviewed_at + ACCOUNT_REVIEW;
    overdue(resource, due_at, missed(due_at, ACCOUNT_REVIEW, now))
}

fn of_role(held: &RoleReview, now: Timestamp) -> Result<Option<Finding>, Error> {
    let due_at = role_review_due(held.review.as_ref());
    let due_at = due_at.map_err(|error| Error::corrupt("date of the role definitions", error))?;
    let resource = format!("role:{}", held.role.as_str());
    Ok((due_at < now).then(|| overdue(resource, due_at, missed(due_at, ROLE_REVIEW, now))))
}

fn overdue(resource: String, due_at: Timestamp, missed: Timestamp) -> Finding {
    Finding {
        kind: NoticeKind::ReviewOverdue,
        credential_kind: None,
        credential: resource.clone(),
        resource,
        turn: rfc3339(missed),
        due_at: Some(due_at),
        text: format!(
            "It was to be reviewed by {}, and nobody did.\nLook at what it holds, and decide: keep, reduce or remove.",
            rfc3339(due_at)
        ),
    }
}

/// When the last of the reviews that were missed was due, of which there is one `every` so long.
fn missed(due_at: Timestamp, every: SignedDuration, now: Timestamp) -> Timestamp {
    let more = now.duration_since(due_at).as_secs().max(0) / every.as_secs();
    due_at + SignedDuration::from_secs(every.as_secs() * more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_that_goes_on_missing_is_another_one_each_period() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (due, day) = (at("2026-01-01T00:00:00Z"), SignedDuration::from_hours(24));
        let missed = |after: SignedDuration| missed(due, day * 92, due + after);
        for (after, periods) in
            [(SignedDuration::ZERO, 0), (day * 92 - SignedDuration::from_secs(1), 0), (day * 92, 1), (day * 300, 3)]
        {
            assert_eq!(missed(after), due + day * 92 * periods, "{after}");
        }
    }
}
