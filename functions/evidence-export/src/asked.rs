//! The filter as it is asked for, by the names that people use.

use engine_aws::evidence::actor_of;
use engine_core::access::ClientId;
use engine_core::audit::{ActorType, Event, Outcome};
use engine_core::field::{FieldReader, FieldValue, Fields};
use engine_core::ticker::Ticker;
use engine_core::time::rfc3339;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The filter's fields.
pub(crate) const FIELDS: [&str; 8] = ["from", "to", "event", "outcome", "actor", "client", "ticker", "request_id"];
/// Most values of one field.
pub(crate) const MOST_VALUES: usize = 20;
/// Most request ids.
pub(crate) const MOST_REQUESTS: usize = 1000;
/// Characters of an actor or a request id at most.
const LONGEST_NAME: usize = 256;

/// What entries are asked for. A list that is empty asks for nothing in particular.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// Earliest time.
    pub from: Option<Timestamp>,
    /// Time before which an entry must be.
    pub to: Option<Timestamp>,
    /// Names of events.
    pub event: Vec<String>,
    /// Names of outcomes.
    pub outcome: Vec<String>,
    /// Actors, as `<type>:<id>` or by reference.
    pub actor: Vec<String>,
    /// Ids of clients.
    pub client: Vec<String>,
    /// Tickers, in their stored form.
    pub ticker: Vec<String>,
    /// Request ids.
    pub request_id: Vec<String>,
}

impl Asked {
    /// Reads the filter; what is wrong with it is with the reader, and `None` where anything is.
    pub(crate) fn read(reader: &mut FieldReader<'_>) -> Option<Self> {
        let from = optional(reader, "from");
        let to = optional(reader, "to");
        if let (Ok(Some(from)), Ok(Some(to))) = (from, to)
            && to <= from
        {
            reader.refuse("to", "must be later than from");
        }
        let event = texts(reader, "event", MOST_VALUES, event);
        let outcome = texts(reader, "outcome", MOST_VALUES, outcome);
        let actor = texts(reader, "actor", MOST_VALUES, actor);
        let client = texts(reader, "client", MOST_VALUES, |text| ClientId::parse(text).map(String::from));
        let ticker = texts(reader, "ticker", MOST_VALUES, |text| Ticker::parse(text).map(String::from));
        let request_id = texts(reader, "request_id", MOST_REQUESTS, request_id);
        Some(Self {
            from: from.ok()?,
            to: to.ok()?,
            event: event?,
            outcome: outcome?,
            actor: actor?,
            client: client?,
            ticker: ticker?,
            request_id: request_id?,
        })
    }

    /// The filter for the record and for the caller, without what was not asked for.
    pub(crate) fn describe(&self) -> Map<String, Value> {
        let lists = [
            ("event", &self.event),
            ("outcome", &self.outcome),
            ("actor", &self.actor),
            ("client", &self.client),
            ("ticker", &self.ticker),
            ("request_id", &self.request_id),
        ];
        let times = [("from", self.from), ("to", self.to)];
        let times = times.into_iter().filter_map(|(name, time)| Some((name.to_owned(), json!(rfc3339(time?)))));
        let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
        times.chain(lists.map(|(name, list)| (name.to_owned(), json!(list)))).collect()
    }
}

/// Whom and what fields name, wherever it can be a name at all, whatever is wrong with the rest: of each field
/// [`MOST_VALUES`] values at most, none longer than a name may be.
pub(crate) fn legible(fields: &Fields) -> Map<String, Value> {
    fn client(text: &str) -> Option<String> {
        ClientId::parse(text).ok().map(String::from)
    }
    fn ticker(text: &str) -> Option<String> {
        Ticker::parse(text).ok().map(String::from)
    }
    type Parse = fn(&str) -> Option<String>;
    let lists: [(&str, Parse); 4] = [
        ("actor", |text| actor(text).ok()),
        ("client", client),
        ("ticker", ticker),
        ("request_id", |text| request_id(text).ok()),
    ];
    let mut named = Map::new();
    for (name, parse) in lists {
        let written = match fields.get(name) {
            FieldValue::Text(text) | FieldValue::Parameter(text) => vec![text.clone()],
            FieldValue::Array(literal) => serde_json::from_str::<Vec<Value>>(literal)
                .unwrap_or_default()
                .into_iter()
                .filter_map(|value| value.as_str().map(str::to_owned))
                .collect(),
            _ => Vec::new(),
        };
        let values: Vec<_> = written.iter().filter_map(|text| parse(text)).take(MOST_VALUES).collect();
        if !values.is_empty() {
            named.insert(name.to_owned(), json!(values));
        }
    }
    named
}

/// A time that may be left out; the error, which the reader has, where it is there and wrong.
fn optional(reader: &mut FieldReader<'_>, field: &str) -> Result<Option<Timestamp>, ()> {
    if reader.has(field) { reader.text(field, time).map(Some).ok_or(()) } else { Ok(None) }
}

/// One string or several, in order and each once; none where the field is left out.
fn texts<E: std::fmt::Display>(
    reader: &mut FieldReader<'_>,
    field: &str,
    most: usize,
    parse: impl Fn(&str) -> Result<String, E>,
) -> Option<Vec<String>> {
    if !reader.has(field) {
        return Some(Vec::new());
    }
    let mut values = reader.text_or_texts(field, most, parse)?;
    values.sort_unstable();
    values.dedup();
    Some(values)
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    const EXPECTED: &str = "must be an RFC 3339 time since 1970, to the millisecond";
    let time: Timestamp = text.parse().map_err(|_| EXPECTED)?;
    let whole = time.as_nanosecond().rem_euclid(1_000_000) == 0;
    if whole && time >= Timestamp::UNIX_EPOCH { Ok(time) } else { Err(EXPECTED) }
}

fn event(text: &str) -> Result<String, &'static str> {
    let known = Event::ALL.iter().any(|event| event.as_str() == text);
    if known { Ok(text.to_owned()) } else { Err("is not the name of an event") }
}

fn outcome(text: &str) -> Result<String, &'static str> {
    let known = [Outcome::Success, Outcome::Refused].iter().any(|outcome| outcome.as_str() == text);
    if known { Ok(text.to_owned()) } else { Err("must be success or refused") }
}

fn actor(text: &str) -> Result<String, &'static str> {
    use engine_aws::evidence::Actor;
    let known = match actor_of(text) {
        Some(Actor::Reference) => true,
        Some(Actor::Name(kind, _)) => ActorType::from_name(kind).is_some() && name(text).is_some(),
        None => false,
    };
    if known { Ok(text.to_owned()) } else { Err("must be <type>:<id> of an actor, or an actor's reference") }
}

fn request_id(text: &str) -> Result<String, &'static str> {
    name(text).ok_or("must be a request's id")
}

/// Text that can name something: visible ASCII.
fn name(text: &str) -> Option<String> {
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    (visible && (1..=LONGEST_NAME).contains(&text.len())).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use engine_core::field::Fields;

    use super::*;

    fn read(body: &Value) -> Result<Asked, Vec<String>> {
        let fields = Fields::from_json(&body.to_string()).unwrap();
        let mut reader = FieldReader::new(&fields);
        let asked = Asked::read(&mut reader);
        reader.unknown(&FIELDS);
        reader.finish(asked).map_err(|errors| errors.into_iter().map(|error| error.field).collect())
    }

    #[test]
    fn one_value_and_a_list_of_one_are_the_same_filter() {
        let one = read(&json!({ "event": "quote.create", "client": "demo", "ticker": "brk b" })).unwrap();
        let list = read(&json!({ "event": ["quote.create"], "client": ["demo"], "ticker": ["BRK.B"] })).unwrap();
        assert_eq!(one.describe(), list.describe());
        assert_eq!(
            Value::from(one.describe()),
            json!({"event": ["quote.create"], "client": ["demo"], "ticker": ["BRK.B"]})
        );
    }

    #[test]
    fn values_are_in_order_and_each_once() {
        let asked = read(&json!({ "outcome": ["success", "refused", "success"] })).unwrap();
        assert_eq!(asked.outcome, ["refused", "success"]);
    }

    #[test]
    fn every_field_that_is_wrong_is_named() {
        let refused = read(&json!({
            "from": "yesterday", "to": 5, "event": "quote.destroy", "outcome": ["success", "failure"], "actor": "dana",
            "client": "a", "ticker": [], "request_id": ["a b"], "size_of_it": 1,
        }));
        let expected =
            ["from", "to", "event", "outcome[1]", "actor", "client", "ticker", "request_id[0]", "size_of_it"];
        assert_eq!(refused.unwrap_err(), expected);
    }

    #[test]
    fn a_time_is_since_1970_and_to_the_millisecond_and_an_end_is_after_its_start() {
        for bad in ["1969-12-31T23:59:59.999Z", "2026-01-01T00:00:00.0001Z", "2026-01-01", ""] {
            assert_eq!(read(&json!({ "from": bad })).unwrap_err(), ["from"], "{bad}");
        }
        let time = "2026-01-15T22:00:00+01:00";
        assert_eq!(read(&json!({ "from": time })).unwrap().describe()["from"], "2026-01-15T21:00:00.000Z");
        for (from, to) in [(time, time), (time, "2026-01-15T20:00:00Z")] {
            assert_eq!(read(&json!({ "from": from, "to": to })).unwrap_err(), ["to"]);
        }
    }

    #[test]
    fn what_is_legible_of_a_filter_is_its_names_and_no_more_than_so_many() {
        let many: Vec<_> = (0..1000).map(|number| format!("request-{number}")).collect();
        let fields = Fields::from_json(
            &json!({
                "client": "demo", "ticker": ["brk b", "?", 5], "actor": "x".repeat(5000), "request_id": many, "to": "x",
                "mfaTotp": "123456",
            })
            .to_string(),
        );
        let expected = json!({ "client": ["demo"], "ticker": ["BRK.B"], "request_id": many[..MOST_VALUES] });
        assert_eq!(Value::Object(legible(&fields.unwrap())), expected);
        assert_eq!(legible(&Fields::from_pairs([("client", "demo"), ("client", "beta")])), Map::new());
    }

    #[test]
    fn an_actor_is_named_by_type_and_id_or_by_reference() {
        let reference = format!("k1:{}", "a".repeat(64));
        for good in ["staff:dana@example.com", "client:demo", "operator:arn:aws:iam::1:user/x", &reference] {
            assert!(read(&json!({ "actor": good })).is_ok(), "{good}");
        }
        for bad in ["dana@example.com", "person:dana", "staff:", ":x", "k1:abc", "staff:a b"] {
            assert_eq!(read(&json!({ "actor": bad })).unwrap_err(), ["actor"], "{bad}");
        }
    }
}
