//! What one person asks for and others approve.

use std::collections::BTreeSet;

use engine_core::access::request::{
    Approval, ApprovalError, Capacity, ELEVATION_HOURS, OPEN_FOR, Party, RequestState, Wanted,
};
use engine_core::access::{AccessRequest, Principal, PrincipalId, PrincipalState, Role};
use engine_core::audit::{EntryId, Event};
use engine_core::field::FieldError;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::table::{self, Listing, PRINCIPALS, REQUESTS};
use super::{Account, People, PeopleError, Versioned, act, facts, is_bootstrap};
use crate::Error;
use crate::author::Author;
use crate::change::{Change, Prepared};
use crate::clock::random_bytes;
use crate::directory::Page;
use crate::item::s;

/// What somebody asks for, for an account that there is.
#[derive(Clone, Debug)]
pub struct NewRequest {
    /// The account.
    pub subject: PrincipalId,
    /// Roles, roles for a time, or a new second factor.
    pub wanted: Wanted,
    /// Why, 10 to 1,000 characters.
    pub justification: String,
}

/// Who decides, with what they may decide by.
#[derive(Clone, Copy, Debug)]
pub struct Approver<'a> {
    /// Who.
    pub by: &'a Party,
    /// The roles that they hold now.
    pub roles: &'a BTreeSet<Role>,
    /// The capacity in which they say they act; `None` for the first that fits.
    pub capacity: Option<Capacity>,
}

/// A decision that counts, not yet written.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The request as it was read.
    pub read: Versioned<AccessRequest>,
    /// The request with the decision.
    pub next: AccessRequest,
    /// Accounts of those who approved, with the versions at which they could: the decision is lost where one changed since.
    relies_on: Vec<(PrincipalId, u64)>,
}

impl Judged {
    /// What the entry of the decision, or of what it carries out, says of the request.
    #[must_use]
    pub fn details(&self) -> Map<String, Value> {
        facts([
            ("request_id", json!(self.next.id)),
            ("kind", json!(self.next.wanted.kind())),
            ("request_version", json!(self.read.version + 1)),
            ("maker", json!(self.next.maker)),
            ("approvals", json!(self.next.approvals)),
        ])
    }

    /// The last approval.
    pub(super) fn last(&self) -> Option<&Approval> {
        self.next.approvals.last()
    }
}

impl People {
    /// The request with that id.
    pub async fn request(&self, id: &str) -> Result<Versioned<AccessRequest>, Error> {
        let none = || Error::NotFound(format!("request {}", id.chars().take(64).collect::<String>()));
        // Only an id in its one form can be that of a request.
        let id = EntryId::parse(id).filter(|parsed| parsed.to_string() == id).ok_or_else(none)?.to_string();
        table::read(&self.item(REQUESTS, &id).await?.ok_or_else(none)?)
    }

    /// A page of at most `limit` (1 to 100) requests, the latest first, after that id; in that state, where one is named.
    pub async fn requests(
        &self,
        state: Option<RequestState>,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<Versioned<AccessRequest>, String>, Error> {
        let filter = state.map(|state| ("request_state = :filter", state.as_str()));
        let listing = Listing { partition: REQUESTS, after, descending: true, filter, limit };
        let page = self.page(&listing).await?;
        Ok(Page { items: page.items.iter().map(table::read).collect::<Result<_, _>>()?, next: page.next })
    }

    /// Asks for roles, for roles for a time, or for a new second factor.
    pub async fn request_access(
        &self,
        new: &NewRequest,
        maker: &Party,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<AccessRequest>, PeopleError> {
        let account = self.active_account(&new.subject).await?;
        let event = judge_wanted(&new.wanted, &account.value, now)?;
        let request = AccessRequest {
            subject_person: Some(account.value.person_id.clone()),
            ..opened(new.wanted.clone(), new.subject.as_str(), maker, &new.justification, now)?
        };
        let mut details = facts([("person_id", json!(account.value.person_id))]);
        match &new.wanted {
            Wanted::RoleGrant { roles } => details.extend(facts([("roles", json!(roles))])),
            Wanted::Elevation { roles, hours } => {
                details.extend(facts([("roles", json!(roles)), ("hours", json!(hours))]));
            }
            _ => {}
        }
        let mut change = Change::default();
        self.open(&mut change, &request, event, details, author, now)?;
        Ok(Prepared { change, value: request })
    }

    /// Adds a request that waits for approvals, with its entry, which says `more` of it. The bootstrap administrator makes
    /// none: whoever holds its credentials is a person already, who could approve it.
    pub(super) fn open(
        &self,
        change: &mut Change,
        request: &AccessRequest,
        event: Event,
        more: Map<String, Value>,
        author: &Author,
        now: Timestamp,
    ) -> Result<(), PeopleError> {
        if is_bootstrap(author) {
            return Err(ApprovalError::OnboardingOnly.into());
        }
        let mut details = more;
        details.extend(facts([
            ("request_id", json!(request.id)),
            ("subject", json!(request.subject)),
            ("version", json!(1)),
        ]));
        let act = act(event, resource(&request.id), Some(&request.justification), details);
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(self.open_request(change, request)?)
    }

    /// Adds a new request to a change that has its entry already: terms that are proposed for a client.
    pub fn open_request(&self, change: &mut Change, request: &AccessRequest) -> Result<(), Error> {
        let mut item = table::item(REQUESTS, &request.id, request, 1)?;
        item.insert("request_state".into(), s(request.state.as_str()));
        self.put(change, item, 0, &format!("request {}", request.id))
    }

    /// Judges an approval of the request with that id.
    pub async fn judge(&self, id: &str, approver: Approver<'_>, now: Timestamp) -> Result<Judged, PeopleError> {
        let read = self.request(id).await?;
        let account = self.account_of(approver.by, now).await?;
        let held = account.as_ref().map(|account| account.value.roles_at(now)).unwrap_or_default();
        let roles = approver.roles.intersection(&held).copied().collect();
        let next = read.value.approve(approver.by, &roles, approver.capacity, now)?;
        let account = account.ok_or(ApprovalError::Capacity)?;
        let mut relies_on = vec![(account.value.id, account.version)];
        if next.state == RequestState::Approved {
            for approval in &read.value.approvals {
                relies_on.push(self.still_stands(approval, now).await?);
            }
        }
        Ok(Judged { read, next, relies_on })
    }

    /// The active account through which somebody decides.
    async fn account_of(&self, by: &Party, now: Timestamp) -> Result<Option<Account>, Error> {
        let Ok(id) = PrincipalId::parse(&by.principal_id) else { return Ok(None) };
        let theirs = |account: &Account| {
            let Principal { state, person_id, created_at, .. } = &account.value;
            *state == PrincipalState::Active && person_id.as_str() == by.person_id && *created_at <= now
        };
        Ok(self.principal(&id).await?.filter(theirs))
    }

    /// The account of an earlier approver, who must still be who could approve: since then they may have been disabled,
    /// onboarded anew or may have lost the role.
    async fn still_stands(&self, approval: &Approval, now: Timestamp) -> Result<(PrincipalId, u64), Error> {
        let account = self.account_of(&approval.by, approval.at).await?;
        let holds = |account: &Account| match approval.capacity.role() {
            Some(role) => account.value.roles_at(now).contains(&role),
            None => true,
        };
        let account = account.filter(holds).ok_or_else(|| {
            let (account, capacity) = (&approval.by.principal_id, approval.capacity);
            Error::Conflict(format!(
                "{account}, who approved as {capacity}, could not any more: make the request again"
            ))
        })?;
        Ok((account.value.id, account.version))
    }

    /// Adds the decision to a change that carries it out and has its entry: lost unless the request is as it was judged, and,
    /// where the bootstrap administrator decided, unless it may still act.
    pub async fn decided(&self, change: &mut Change, judged: &Judged, author: &Author) -> Result<(), Error> {
        self.act_as(change, author).await?;
        self.save_request(change, judged)
    }

    /// Rejects a request, or withdraws one's own. An account that waited for it is disabled, so that its id is free again.
    pub async fn reject(
        &self,
        id: &str,
        by: Approver<'_>,
        reason: &str,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<AccessRequest>, PeopleError> {
        let read = self.request(id).await?;
        let next = read.value.reject(by.by, reason, now)?;
        if !concerns(&next, by) {
            return Err(ApprovalError::Capacity.into());
        }
        let judged = Judged { read, next, relies_on: Vec::new() };
        let mut change = Change::default();
        let mut details = judged.details();
        details.insert("subject".to_owned(), json!(judged.next.subject));
        details.insert("version".to_owned(), json!(judged.read.version + 1));
        if matches!(judged.next.wanted, Wanted::Onboarding { .. })
            && let Some(account) = self.waiting_account(&judged.next).await?
        {
            let ended = Principal { state: PrincipalState::Disabled, disabled_at: Some(now), ..account.value.clone() };
            self.save_principal(&mut change, &account, &ended)?;
            details.insert("principal_version".to_owned(), json!(account.version + 1));
        }
        self.decided(&mut change, &judged, author).await?;
        let act = act(Event::RequestReject, resource(&judged.next.id), Some(reason), details);
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(Prepared { change, value: judged.next })
    }

    /// The account that waits for this onboarding, if one does.
    pub(super) async fn waiting_account(&self, request: &AccessRequest) -> Result<Option<Account>, Error> {
        let item = self.item(PRINCIPALS, &request.subject).await?;
        let account = item.as_ref().map(super::principals::read).transpose()?;
        let waits =
            |account: &Account| account.value.state == PrincipalState::Requested && account.request_id == request.id;
        Ok(account.filter(waits))
    }

    /// Adds the request with its decision, which is lost where somebody on whom it relies is no longer who they were.
    pub(super) fn save_request(&self, change: &mut Change, judged: &Judged) -> Result<(), Error> {
        for (account, version) in &judged.relies_on {
            let lost = table::changed(&format!("account {account}, which approves,"));
            self.unchanged(change, (PRINCIPALS, account.as_str()), *version, &lost)?;
        }
        let (id, state) = (&judged.next.id, judged.next.state.as_str());
        let set = "SET document = :document, version = :next, request_state = :state";
        let more = [(":state", s(state))];
        let what = format!("request {id}");
        self.save_with(change, (REQUESTS, id), judged.read.version, &judged.next, (set, more), &what)
    }
}

/// An id for a request made at `now`.
pub(super) fn new_id(now: Timestamp) -> Result<String, Error> {
    // A UUIDv7, as entries have.
    Ok(EntryId::new(now, random_bytes()?).to_string())
}

/// A request for something of `subject` that waits for its approvals. Where it is about a person, that is still to be said.
pub(super) fn opened(
    wanted: Wanted,
    subject: &str,
    maker: &Party,
    justification: &str,
    now: Timestamp,
) -> Result<AccessRequest, Error> {
    Ok(AccessRequest {
        id: new_id(now)?,
        wanted,
        subject: subject.to_owned(),
        subject_person: None,
        manager: None,
        maker: maker.clone(),
        justification: justification.to_owned(),
        created_at: now,
        expires_at: now + OPEN_FOR,
        state: RequestState::Open,
        approvals: Vec::new(),
        decided: None,
    })
}

/// What a request is called in the record.
pub(super) fn resource(id: &str) -> String {
    format!("request:{id}")
}

/// Whether the request is theirs to end: their own, or one that they could have to approve.
fn concerns(request: &AccessRequest, by: Approver<'_>) -> bool {
    let person = by.by.person_id.as_str();
    let can = |needed: &Capacity| match needed {
        Capacity::Manager => request.manager.as_ref().is_some_and(|manager| manager.as_str() == person),
        _ => needed.role().is_some_and(|role| by.roles.contains(&role)),
    };
    request.maker.person_id == person || request.wanted.needs().iter().any(can)
}

/// The event of such a request, if it asks for something that the account can be given.
fn judge_wanted(wanted: &Wanted, account: &Principal, now: Timestamp) -> Result<Event, PeopleError> {
    let (roles, event) = match wanted {
        Wanted::RoleGrant { roles } => (roles, Event::PrincipalRoleRequest),
        Wanted::Elevation { roles, hours } => {
            if !(ELEVATION_HOURS.0..=ELEVATION_HOURS.1).contains(hours) {
                let text = format_args!("must be between {} and {}", ELEVATION_HOURS.0, ELEVATION_HOURS.1);
                return Err(vec![FieldError::new("hours", text)].into());
            }
            (roles, Event::PrincipalElevationRequest)
        }
        Wanted::ReEnrolment => return Ok(Event::PrincipalReEnrolmentRequest),
        _ => return Err(Error::corrupt("request", "it is not about an account").into()),
    };
    if roles.is_empty() || !roles.iter().all(|role| Role::OF_PEOPLE.contains(role)) {
        return Err(vec![FieldError::new("roles", "must be roles that people hold")].into());
    }
    let held = if event == Event::PrincipalRoleRequest { account.roles.clone() } else { account.roles_at(now) };
    if roles.is_subset(&held) {
        return Err(Error::Conflict(format!("account {} holds these roles already", account.id)).into());
    }
    Ok(event)
}
