//! Publishes the notices that wait: an event to the bus, a message to the topic, and then the note that it was told.
//!
//! A publisher that was cut off leaves its notice waiting, and another publishes it once more under the same id: the topic
//! drops what it knows, and who listens on the bus tells by the id.

use std::fmt;
use std::sync::Arc;

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_sns::types::MessageAttributeValue;
use engine_core::access::ClientId;
use engine_core::hex;
use engine_core::rotation::Notice;
use engine_core::time::rfc3339;
use jiff::Timestamp;
use serde::ser::{SerializeMap, Serializer};
use serde_json::json;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use super::outbox::{Outbox, Waiting};
use crate::Error;
use crate::clock::SharedClock;
use crate::directory::{ContactState, Directory};
use crate::kms::ContactCipher;

/// Who sends the events.
const SOURCE: &str = "borrow-rate-engine";
/// Group of the messages that are for the desk.
const DESK: &str = "desk";
/// Notices in a page.
const PAGE: i32 = 100;
/// Notices published at once.
const AT_ONCE: usize = 16;

/// Where notices go.
#[derive(Clone, Debug)]
pub struct Channels {
    /// The bus: the account's default one.
    pub events: aws_sdk_eventbridge::Client,
    /// The topic's service.
    pub sns: aws_sdk_sns::Client,
    /// ARN of the topic, a FIFO topic.
    pub topic_arn: String,
    /// The stack's name, which events say.
    pub stack: String,
}

/// Publishes what waits in an [`Outbox`]. Clones share everything.
#[derive(Clone)]
pub struct Publisher {
    channels: Channels,
    outbox: Outbox,
    directory: Arc<Directory>,
    contacts: ContactCipher,
    clock: SharedClock,
}

/// What a publisher came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Notices told.
    pub told: usize,
    /// Notices that another publisher has in hand.
    pub left: usize,
    /// Whether time ran out before all were tried.
    pub cut_short: bool,
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("channels", &self.channels).finish_non_exhaustive()
    }
}

impl Publisher {
    /// Of the notices in `outbox`, to the contacts in `directory` and to the desk.
    #[must_use]
    pub fn new(
        channels: Channels,
        outbox: Outbox,
        directory: Arc<Directory>,
        contacts: ContactCipher,
        clock: SharedClock,
    ) -> Self {
        Self { channels, outbox, directory, contacts, clock }
    }

    /// Publishes every notice that waits, until that time. Each is tried, whatever became of the others; the first failure is
    /// answered, with how many there were.
    pub async fn publish(&self, until: Timestamp) -> Result<Published, Error> {
        let (mut done, mut failed, mut first) = (Published::default(), 0_usize, None);
        let mut after = None;
        'pages: loop {
            let page = self.outbox.waiting(PAGE, after.as_deref()).await?;
            let whole = i32::try_from(page.len()).is_ok_and(|length| length == PAGE);
            after = page.last().map(|waiting| waiting.id.clone());
            let (mut page, mut running) = (page.into_iter(), JoinSet::new());
            loop {
                let in_time = self.clock.now() < until;
                while in_time && running.len() < AT_ONCE {
                    let Some(waiting) = page.next() else { break };
                    let publisher = self.clone();
                    running.spawn(async move { publisher.publish_one(&waiting).await });
                }
                let Some(published) = running.join_next().await else {
                    done.cut_short = page.len() > 0;
                    break;
                };
                match published.unwrap_or_else(|error| Err(cut_off(&error))) {
                    Ok(true) => done.told += 1,
                    Ok(false) => done.left += 1,
                    Err(error) => {
                        failed += 1;
                        first.get_or_insert(error);
                    }
                }
            }
            if done.cut_short || !whole {
                break 'pages;
            }
        }
        match first {
            None => Ok(done),
            Some(error) => Err(Error::Unavailable {
                operation: "publishing notices",
                cause: format!("{failed} wait on, {} were told; the first: {error}", done.told),
            }),
        }
    }

    /// Publishes one notice; false where another has it. The event goes first: who reads events knows them by their ids, and
    /// a person who is sent the same message every quarter of an hour does not.
    async fn publish_one(&self, waiting: &Waiting) -> Result<bool, Error> {
        if !self.outbox.claim(waiting, self.clock.now()).await? {
            return Ok(false);
        }
        self.put_event(waiting).await?;
        self.send(waiting).await?;
        self.outbox.told(waiting, self.clock.now()).await
    }

    async fn put_event(&self, waiting: &Waiting) -> Result<(), Error> {
        const OPERATION: &str = "events:PutEvents";
        let notice = &waiting.notice;
        let mut detail = json!({
            "notice_id": waiting.id,
            "kind": notice.kind.as_str(),
            "credential_kind": notice.credential_kind.map(engine_core::rotation::CredentialKind::as_str),
            "credential": notice.credential,
            "made_at": rfc3339(notice.made_at),
            "stack": self.channels.stack,
        });
        if let Some(client_id) = &notice.client_id {
            detail["client_id"] = json!(client_id.as_str());
        }
        if let Some(due_at) = notice.due_at {
            detail["due_at"] = json!(rfc3339(due_at));
        }
        let entry = PutEventsRequestEntry::builder()
            .source(SOURCE)
            .detail_type(notice.kind.as_str())
            .detail(detail.to_string())
            .build();
        let put = self.channels.events.put_events().entries(entry).send().await;
        let put = put.map_err(|error| Error::unavailable(OPERATION, &error))?;
        if put.failed_entry_count == 0 {
            return Ok(());
        }
        let code = put.entries().iter().find_map(|entry| entry.error_code()).unwrap_or("no error code");
        Err(Error::Unavailable { operation: OPERATION, cause: format!("the event was not taken: {code}") })
    }

    async fn send(&self, waiting: &Waiting) -> Result<(), Error> {
        let notice = &waiting.notice;
        let to = match &notice.client_id {
            Some(client_id) => self.addresses(client_id).await?,
            None => Vec::new(),
        };
        let kind = MessageAttributeValue::builder().data_type("String").string_value(notice.kind.as_str()).build();
        let kind = kind.map_err(|error| Error::corrupt("notice", error))?;
        let message = message(&waiting.id, notice, &to).map_err(|error| Error::corrupt("notice", error))?;
        let published = self
            .channels
            .sns
            .publish()
            .topic_arn(&self.channels.topic_arn)
            .message_group_id(notice.client_id.as_ref().map_or(DESK, ClientId::as_str))
            .message_deduplication_id(hex::sha256(waiting.id.as_bytes()))
            .message(message.as_str())
            .message_attributes("kind", kind)
            .send()
            .await;
        published.map(drop).map_err(|error| Error::unavailable("sns:Publish", &error))
    }

    /// The addresses of the client's contacts that were verified.
    async fn addresses(&self, client_id: &ClientId) -> Result<Vec<Zeroizing<String>>, Error> {
        let mut contacts = self.directory.contacts(client_id).await?;
        contacts.retain(|contact| contact.state == ContactState::Verified);
        self.contacts.addresses(client_id, &contacts).await
    }
}

fn cut_off(error: &tokio::task::JoinError) -> Error {
    Error::Unavailable { operation: "publishing a notice", cause: error.to_string() }
}

/// The message, made here because addresses are not serialized by themselves.
fn message(
    id: &str,
    notice: &Notice,
    to: &[Zeroizing<String>],
) -> Result<Zeroizing<String>, Box<dyn std::error::Error>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let mut serializer = serde_json::Serializer::new(&mut *bytes);
    let mut members = serializer.serialize_map(Some(5))?;
    members.serialize_entry("notice_id", id)?;
    members.serialize_entry("kind", notice.kind.as_str())?;
    members.serialize_entry("to", &to.iter().map(|to| to.as_str()).collect::<Vec<_>>())?;
    members.serialize_entry("subject", &notice.subject())?;
    members.serialize_entry("text", &notice.text)?;
    members.end()?;
    Ok(Zeroizing::new(std::str::from_utf8(&bytes)?.to_owned()))
}
