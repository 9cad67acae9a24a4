//! The entries of a made-up day: quotes of twenty clients for two hundred stocks, evenly spread. Number `n` is always the
//! same entry.

use engine_core::audit::{
    Actor, ActorRef, ActorType, Body, CanonicalError, Commitment, Draft, Entry, EntryId, Event, Outcome, Reference,
    canonical_json,
};
use engine_core::hex;
use engine_test_support::keys::{actor_key, reference_key};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const START: Timestamp = Timestamp::constant(1_768_435_200, 0); // 2026-01-15T00:00:00Z
const CLIENTS: usize = 20;
const TICKERS: usize = 200;
/// One request in so many is a batch.
const BATCHES: u64 = 10;
/// Positions of a batch.
const POSITIONS: usize = 10;
/// One request in so many is refused.
const REFUSALS: u64 = 20;
/// The snapshot whose list fixes the stocks' references.
const SNAPSHOT: &str = "0123456789abcdef";
/// Numbers of the entries around the day, beyond those of the day.
const AROUND: u64 = 1 << 40;

/// What a client is known by.
#[derive(Clone, Debug)]
struct Client {
    commitment: Commitment,
    reference: Reference,
    actor_ref: ActorRef,
}

/// A day of so many quotes.
#[derive(Clone, Debug)]
pub struct Day {
    entries: u64,
    clients: Vec<Client>,
    tickers: Vec<(Commitment, Reference)>,
}

impl Day {
    /// The day of `entries` quotes.
    #[must_use]
    pub fn of(entries: u64) -> Self {
        let (actors, references) = (actor_key(), reference_key());
        let client = |n: usize| {
            let name = format!("client-{n:02}");
            let commitment = references.commitment("client", &name);
            let actor_ref = actors.actor_ref(ActorType::Client, &name);
            Client { reference: commitment.reference(), commitment, actor_ref }
        };
        let ticker = |n: usize| {
            let commitment = references.commitment("ticker", &format!("TCK{n:03}"));
            let reference = commitment.reference();
            (commitment, reference)
        };
        Self { entries, clients: (0..CLIENTS).map(client).collect(), tickers: (0..TICKERS).map(ticker).collect() }
    }

    /// Entries of the day.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Its first moment.
    #[must_use]
    pub const fn start() -> Timestamp {
        START
    }

    /// The first moment of the next.
    #[must_use]
    pub fn end() -> Timestamp {
        START + SignedDuration::from_hours(24)
    }

    /// The name of a client that has quotes in the day, and of a stock that has.
    #[must_use]
    pub fn names(&self) -> Option<(&str, &str)> {
        Some((self.clients.first()?.commitment.value(), self.tickers.first()?.0.value()))
    }

    /// What fixes the references, an hour before the day: a `client.create` for each client, and the import with the list
    /// of stocks.
    pub fn beginning(&self) -> Result<Vec<Entry>, CanonicalError> {
        let at = START - SignedDuration::from_hours(1);
        let mut entries = Vec::new();
        for (number, client) in (AROUND..).zip(&self.clients) {
            let details = json!({ "opening": client.commitment.opening() });
            let mut draft = draft(number, at, Event::ClientCreate, "key-admin", client, "/admin/clients", details);
            draft.client_ref = Some(client.reference.clone());
            entries.push(draft.finish()?);
        }
        let details =
            json!({ "snapshot_id": SNAPSHOT, "references_sha256": hex::sha256(self.references()?.as_bytes()) });
        entries.extend(self.around(AROUND + CLIENTS as u64, at, Event::SnapshotImport, "market-data", details)?);
        Ok(entries)
    }

    /// Key of the object with the list of stocks.
    #[must_use]
    pub fn references_key() -> String {
        format!("references/{SNAPSHOT}.jsonl")
    }

    /// The list of stocks, one opening a line.
    pub fn references(&self) -> Result<String, CanonicalError> {
        let lines = self.tickers.iter().map(|(commitment, _)| canonical_json(&commitment.opening()));
        lines.map(|line| line.map(|line| line + "\n")).collect()
    }

    /// An entry ten minutes after the day, so that the log goes on beyond it.
    pub fn after(&self) -> Result<Vec<Entry>, CanonicalError> {
        let at = Self::end() + SignedDuration::from_mins(10);
        self.around(2 * AROUND, at, Event::AuditSearch, "evidence-export", json!({}))
    }

    fn around(
        &self,
        number: u64,
        at: Timestamp,
        event: Event,
        function: &'static str,
        details: Value,
    ) -> Result<Vec<Entry>, CanonicalError> {
        let Some(client) = self.clients.first() else { return Ok(Vec::new()) };
        Ok(vec![draft(number, at, event, function, client, "/api/v1/audit", details).finish()?])
    }

    /// Quotes `[from, to)` of the day.
    pub fn quotes(&self, from: u64, to: u64) -> Result<Vec<Entry>, CanonicalError> {
        (from..to.min(self.entries)).map(|n| self.quote(n)).collect()
    }

    fn quote(&self, n: u64) -> Result<Entry, CanonicalError> {
        // Multiplied, not divided first: the last of them is still within the day, whatever their number.
        let millis = 86_400_000 * n / self.entries;
        let at = START + SignedDuration::from_millis(i64::try_from(millis).unwrap_or(0));
        let place = usize::try_from(n).unwrap_or(0);
        let (ticker, subject) = &self.tickers[place % TICKERS];
        let client = &self.clients[place % CLIENTS];
        let batch = n % BATCHES == BATCHES - 1;
        let refused = n % REFUSALS == REFUSALS - 2;
        let (event, resource) = if batch {
            (Event::QuoteBatchCreate, "/api/v1/calculate-locate/batch")
        } else {
            (Event::QuoteCreate, "/api/v1/calculate-locate")
        };
        let mut details = if refused {
            json!({ "refusal": {
                "code": "TICKER_NOT_FOUND", "errors": [], "withheld": false,
                "request": { "ticker": ticker.value(), "position_value": "100000", "loan_days": 30 },
            } })
        } else {
            let stocks = (0..if batch { POSITIONS } else { 1 }).map(|more| &self.tickers[(place + more) % TICKERS].0);
            json!({ "quote": quote_record(stocks.map(Commitment::value)) })
        };
        details["key_id"] = format!("{:016}", place % CLIENTS).into();
        details["key_seq"] = (n / CLIENTS as u64 + 1).into();
        details["method"] = "POST".into();
        details["correlation_id"] = format!("order-{n}").into();
        let mut draft = draft(n, at, event, "pricing", client, resource, details);
        draft.client_ref = Some(client.reference.clone());
        draft.subject_ref = (!batch && !refused).then(|| subject.clone());
        if refused {
            draft.outcome = Outcome::Refused;
        }
        draft.finish()
    }
}

/// What `pricing` records of a quote.
fn quote_record<'a>(tickers: impl Iterator<Item = &'a str>) -> Value {
    let source = |name: &str| {
        json!({
            "source": name, "as_of": "2026-01-14T21:00:00.000Z", "snapshot_id": SNAPSHOT, "stale": false,
            "fallback": null,
        })
    };
    let position = |ticker: &str| {
        json!({
            "ticker": ticker, "currency": "USD", "borrow_status": "MEDIUM", "position_value": "100000",
            "loan_days": 30, "base_rate": "0.05", "volatility_index": "18.5", "event_risk_factor": 2,
            "minimum_rate": "0.0025", "sources": 0,
            "price": {
                "borrow_rate_used": "0.063000", "borrow_cost": "517.8082", "markup": "25.8904",
                "transaction_fees": "25.0000", "total_fee": "568.6986",
            },
        })
    };
    json!({
        "common": {
            "terms": {
                "version": 1, "effective_from": "2026-01-01T00:00:00.000Z", "markup_percentage": "5",
                "fee_type": "FLAT", "fee_amount": "25", "day_count": "ACT/365F",
            },
            "coefficients": { "version": 1, "volatility_per_point": "0.01", "event_risk_at_ten": "0.05" },
            "valid_until": "2026-01-15T00:15:00.000Z",
        },
        "data_sources": [{
            "borrow_rate": source("short_stock"), "volatility": source("volatility"),
            "event_risk": source("event_risk"), "minimum_rate": source("minimum_rates"),
        }],
        "positions": tickers.map(position).collect::<Vec<_>>(),
    })
}

fn draft(
    number: u64,
    at: Timestamp,
    event: Event,
    function: &'static str,
    client: &Client,
    resource: &str,
    details: Value,
) -> Draft {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    let mut salt = [0; 16];
    salt[8..].copy_from_slice(&number.to_be_bytes());
    let id = EntryId::new(at, random);
    Draft {
        id,
        time: at,
        event,
        outcome: Outcome::Success,
        // As long as those that API Gateway gives.
        request_id: EntryId::new(at, [0xff; 10]).to_string(),
        function,
        actor_ref: client.actor_ref.clone(),
        client_ref: None,
        subject_ref: None,
        body: Body {
            actor: Actor {
                kind: ActorType::Client,
                id: client.commitment.value().to_owned(),
                roles: vec!["client".to_owned()],
            },
            source_address: Some("192.0.2.1".to_owned()),
            resource: resource.to_owned(),
            reason: None,
            details,
            salt,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::quote::QuoteRecord;

    #[test]
    fn a_quote_of_the_day_is_recorded_as_pricing_records_it() {
        let day = Day::of(100);
        for n in [0, 9] {
            let entry = day.quote(n).unwrap();
            let body: Value = serde_json::from_str(entry.body()).unwrap();
            let record: QuoteRecord = serde_json::from_value(body["details"]["quote"].clone()).unwrap();
            assert_eq!(record.positions.len(), if n == 9 { POSITIONS } else { 1 });
        }
    }

    #[test]
    fn every_quote_is_within_the_day_and_later_than_the_one_before() {
        for count in [1, 7, 1000] {
            let ids: Vec<_> = Day::of(count).quotes(0, count).unwrap().iter().map(Entry::id).collect();
            assert!(ids.is_sorted());
            assert!(ids.iter().all(|id| (Day::start()..Day::end()).contains(&id.time())));
            assert_eq!(ids.len() as u64, count);
        }
    }
}
