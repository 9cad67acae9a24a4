//! The log searched, newest first, a page at a time. Every page of one search is of the tree that the first one was of.

use std::collections::{BTreeMap, BTreeSet};

use engine_aws::evidence::LogAt;
use engine_aws::sealed_log::SearchKey;
use engine_core::audit::{Event, Header, Reference};
use engine_core::evidence::{Filter, SETTLING_SECONDS};
use engine_core::field::{FieldError, FieldReader};
use engine_core::hex;
use engine_core::merkle::{BUNDLE, TILE_WIDTH};
use engine_http::page::{cursor, limit, write_cursor};
use engine_http::problem::Problem;
use engine_http::response::Reply;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::EvidenceExport;
use crate::asked::{Asked, FIELDS};
use crate::call::{Call, Concerns, Done, Handled};
use crate::names::{NOT_LISTED, UNKNOWN_CLIENT, UNKNOWN_TICKER};
use crate::refusal::refusal;

/// Bundles of 256 headers, or as many rows, that one page is looked for in at most. Where they hold too few of what is asked
/// for, the page is short, and the next one goes on.
const MOST_BUNDLES: usize = 20;

/// A page of the entries that the filter matches.
pub(crate) async fn search(app: &EvidenceExport, call: &Call<'_>) -> Handled {
    let mut reader = FieldReader::new(call.query);
    let asked = Asked::read(&mut reader);
    let limit = limit(&mut reader);
    let digest = asked.as_ref().map(digest);
    let place = cursor(&mut reader, |text| Place::parse(text, digest.as_deref()?));
    reader.unknown(&[&FIELDS[..], &["limit", "cursor"]].concat());
    let read = reader.finish(asked.zip(limit).zip(digest)).map_err(Problem::invalid)?;
    let ((asked, limit), digest) = read;

    let place = pinned(app, place).await?;
    let resolved = resolve(app, &asked, place.size, Purpose::Search).await?;
    let page = Scan { app, filter: &resolved.filter, size: place.size }.page(place.before, limit).await?;

    let next = page.next.map(|before| write_cursor(Place { before, ..place }.text(&digest)));
    let details = json!({
        "filter": asked.describe(),
        "size": place.size,
        "before": place.before,
        "limit": limit,
        "found": page.items.len(),
        "first_index": page.items.last().map(|item| item["index"].clone()),
        "last_index": page.items.first().map(|item| item["index"].clone()),
    });
    let act = call.done(Event::AuditSearch, resolved.concerns, details);
    let reply = Reply::ok(&json!({ "size": place.size, "items": page.items, "next_cursor": next }))?;
    Ok(Done::Read(reply, Box::new(act)))
}

/// A filter as headers can be compared with it, and whom it concerns.
pub(crate) struct Resolved {
    /// The filter.
    pub filter: Filter,
    /// The one client and the one ticker in it.
    pub concerns: Concerns,
}

/// What names are turned into references for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Entries are looked for: a ticker is one that entries are about, or that the market had lately.
    Search,
    /// A bundle is made: a ticker is one that the bundle can prove, out of whichever list of the log.
    Export,
}

/// Turns names into references as of a size. A client or a ticker that the log does not know is an error of its field.
pub(crate) async fn resolve(
    app: &EvidenceExport,
    asked: &Asked,
    size: u64,
    purpose: Purpose,
) -> Result<Resolved, Problem> {
    let (mut clients, mut tickers, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for client in &asked.client {
        match app.names.client(client, size).await.map_err(refusal)? {
            Some(commitment) => clients.push(commitment.reference()),
            None => errors.push(FieldError::new("client", UNKNOWN_CLIENT)),
        }
    }
    let (found, unknown) = match purpose {
        Purpose::Search => (app.names.tickers(&asked.ticker, size).await?, UNKNOWN_TICKER),
        Purpose::Export => (app.names.listed_tickers(&asked.ticker, size).await.map_err(refusal)?, NOT_LISTED),
    };
    for commitment in found {
        match commitment {
            Some(commitment) => tickers.push(commitment.reference()),
            None => errors.push(FieldError::new("ticker", unknown)),
        }
    }
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let texts = |references: &[Reference]| references.iter().map(|reference| reference.as_str().to_owned()).collect();
    let filter = Filter {
        event: asked.event.iter().cloned().collect(),
        outcome: asked.outcome.iter().cloned().collect(),
        actor_ref: asked.actor.iter().flat_map(|actor| app.names.actors(actor)).collect(),
        client_ref: texts(&clients),
        subject_ref: texts(&tickers),
        request_id: asked.request_id.iter().cloned().collect(),
        ..Filter::of_time(asked.from.unwrap_or(Timestamp::UNIX_EPOCH), asked.to.unwrap_or(Timestamp::MAX))
    };
    let concerns = Concerns { client_ref: only(clients), subject_ref: only(tickers) };
    Ok(Resolved { filter, concerns })
}

/// The one reference, if there is one and no more.
fn only(mut references: Vec<Reference>) -> Option<Reference> {
    let last = references.pop();
    last.filter(|_| references.is_empty())
}

/// When everything before `to` is in the log; never, for the end of time.
pub(crate) fn settled(to: Timestamp) -> Option<Timestamp> {
    to.checked_add(SignedDuration::from_secs(SETTLING_SECONDS)).ok()
}

/// Where a search is: of which tree, and below which index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    size: u64,
    before: u64,
}

impl Place {
    fn text(self, digest: &str) -> String {
        format!("{}.{}.{digest}", self.size, self.before)
    }

    /// Reads the place of a search with that filter; another one's is none.
    fn parse(text: &str, digest: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let mut number = || parts.next()?.parse().ok();
        let place = Self { size: number()?, before: number()? };
        let whole = place.text(digest) == text;
        (whole && place.before <= place.size).then_some(place)
    }
}

/// What tells two filters apart in a cursor.
fn digest(asked: &Asked) -> String {
    let mut digest = hex::sha256(Value::Object(asked.describe()).to_string().as_bytes());
    digest.truncate(32);
    digest
}

/// The place to go on from; at first the newest end of the log. The size in a cursor is the caller's word: it must be one that
/// was signed.
async fn pinned(app: &EvidenceExport, place: Option<Place>) -> Result<Place, Problem> {
    let newest = app.log.newest().await?.map_or(0, |newest| newest.size);
    let Some(place) = place else { return Ok(Place { size: newest, before: newest }) };
    if place.size > newest || (place.size > 0 && app.reader.checkpoint(place.size).await?.is_none()) {
        return Err(Problem::invalid_field("cursor", "must be a next_cursor of this list"));
    }
    Ok(place)
}

/// A page and the index below which the next one goes on, where there is more to look at.
struct Page {
    items: Vec<Value>,
    next: Option<u64>,
}

/// Makes the key of a row.
type Family = fn(String) -> SearchKey;

/// One look through the log.
struct Scan<'a> {
    app: &'a EvidenceExport,
    filter: &'a Filter,
    size: u64,
}

impl Scan<'_> {
    async fn page(&self, before: u64, limit: usize) -> Result<Page, Problem> {
        let (lowest, end) = self.bounds().await?;
        let (mut items, mut position) = (Vec::new(), before.min(end));
        let keys = self.keys();
        for _ in 0..MOST_BUNDLES {
            if position <= lowest || items.len() >= limit {
                break;
            }
            // Below `floor` nothing was read yet.
            let (headers, floor) = match &keys {
                Some(keys) => self.rows(keys, position).await?,
                None => self.bundle(position).await?,
            };
            position = self.take(headers, position, floor.max(lowest), limit, &mut items)?;
        }
        Ok(Page { items, next: Some(position).filter(|position| *position > lowest) })
    }

    /// Adds what matches among headers from `floor` on, newest first, and answers the index below which to go on.
    fn take(
        &self,
        headers: BTreeMap<u64, String>,
        position: u64,
        floor: u64,
        limit: usize,
        items: &mut Vec<Value>,
    ) -> Result<u64, Problem> {
        for (index, text) in headers.into_iter().rev().filter(|(index, _)| (floor..position).contains(index)) {
            let header = serde_json::from_str(&text);
            let header: Header = header
                .map_err(|error| Problem::internal(format!("the header of entry {index} cannot be read: {error}")))?;
            if self.filter.matches(&header) {
                items.push(describe(index, &header));
            }
            if items.len() >= limit {
                return Ok(index);
            }
        }
        Ok(floor)
    }

    /// The indices between which entries of the time are, as signed checkpoints show. As in a bundle, what was sealed more than
    /// five minutes after its time is found by its own time only where that leaves it in.
    async fn bounds(&self) -> Result<(u64, u64), Problem> {
        let mut bounds = (0, self.size);
        if self.filter.from > Timestamp::UNIX_EPOCH
            && let Some(first) = self.app.reader.last_checkpoint_before(self.filter.from).await?
        {
            bounds.0 = first.checkpoint.size;
        }
        if let Some(settled) = settled(self.filter.to)
            && let Some(end) = self.app.reader.first_checkpoint_from(settled).await?
        {
            bounds.1 = end.checkpoint.size.min(self.size);
        }
        Ok(bounds)
    }

    /// The rows of the condition that the fewest entries meet; `None` where no condition has rows.
    fn keys(&self) -> Option<Vec<SearchKey>> {
        let filter = self.filter;
        let families: [(&BTreeSet<String>, Family); 4] = [
            (&filter.request_id, SearchKey::Request),
            (&filter.subject_ref, SearchKey::Subject),
            (&filter.client_ref, SearchKey::Client),
            (&filter.actor_ref, SearchKey::Actor),
        ];
        let (values, key) = families.into_iter().find(|(values, _)| !values.is_empty())?;
        Some(values.iter().cloned().map(key).collect())
    }

    /// Rows below `position`, and from which index on they are all.
    async fn rows(&self, keys: &[SearchKey], position: u64) -> Result<(BTreeMap<u64, String>, u64), Problem> {
        let most = TILE_WIDTH;
        let (mut headers, mut floor) = (BTreeMap::new(), 0);
        for key in keys {
            let rows = self.app.search.page(key, Some(position), most).await?;
            if rows.len() >= most {
                floor = floor.max(rows.last().map_or(0, |row| row.index));
            }
            headers.extend(rows.into_iter().map(|row| (row.index, row.header)));
        }
        Ok((headers, floor))
    }

    /// The headers of the bundle that ends at or holds the index before `position`.
    async fn bundle(&self, position: u64) -> Result<(BTreeMap<u64, String>, u64), Problem> {
        let bundle = position.saturating_sub(1) / BUNDLE;
        let (first, headers) = LogAt::new(&self.app.reader, self.size).headers(bundle).await.map_err(refusal)?;
        Ok(((first..).zip(headers.iter().cloned()).collect(), first))
    }
}

fn describe(index: u64, header: &Header) -> Value {
    let mut item = json!({
        "index": index,
        "id": header.id,
        "time": header.time,
        "event": header.event,
        "outcome": header.outcome,
        "request_id": header.request_id,
        "function": header.function,
        "actor_ref": header.actor_ref,
    });
    for (name, reference) in [("client_ref", &header.client_ref), ("subject_ref", &header.subject_ref)] {
        if let Some(reference) = reference {
            item[name] = json!(reference);
        }
    }
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_by_its_own_search_alone() {
        let place = Place { size: 300, before: 256 };
        assert_eq!(Place::parse(&place.text("abc"), "abc"), Some(place));
        for (text, digest) in [
            ("300.256.abc", "abd"),
            ("300.256", "abc"),
            ("300.256.abc.", "abc"),
            ("300.301.abc", "abc"),
            ("0300.256.abc", "abc"),
            ("300.+256.abc", "abc"),
            ("300.-1.abc", "abc"),
            (".256.abc", "abc"),
            ("", ""),
        ] {
            assert_eq!(Place::parse(text, digest), None, "{text}");
        }
    }

    #[test]
    fn an_act_concerns_a_client_where_there_is_only_one() {
        let reference = |text: &str| Reference::from_stored(text.to_owned());
        assert_eq!(only(vec![reference("a")]), Some(reference("a")));
        assert_eq!(only(vec![reference("a"), reference("b")]), None);
        assert_eq!(only(Vec::new()), None);
    }
}
