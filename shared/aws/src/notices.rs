//! Notices to people outside the engine, handed to an SNS topic; what listens there delivers them.

use std::fmt;

use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use serde::ser::{SerializeMap, Serializer};
use zeroize::Zeroizing;

use crate::Error;

/// What a notice is about; also its message attribute `kind`, by which subscriptions are filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// A contact is to prove that it receives what is sent to it.
    ContactVerification,
    /// Another contact was added.
    ContactAdded,
    /// A contact was removed.
    ContactRemoved,
    /// A successor of a key was claimed.
    KeyClaimed,
    /// A successor of a key took effect.
    KeyConfirmed,
    /// A key was revoked.
    KeyRevoked,
    /// A successor of a key may be claimed.
    KeyOffered,
}

impl NoticeKind {
    /// The name in the message.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ContactVerification => "contact.verification",
            Self::ContactAdded => "contact.added",
            Self::ContactRemoved => "contact.removed",
            Self::KeyClaimed => "key.claimed",
            Self::KeyConfirmed => "key.confirmed",
            Self::KeyRevoked => "key.revoked",
            Self::KeyOffered => "key.successor_offered",
        }
    }
}

/// One notice. Its recipients are personal data and its text may hold a one-time code.
#[derive(Clone)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// E-mail addresses.
    pub to: Vec<Zeroizing<String>>,
    /// The subject line: nothing secret.
    pub subject: String,
    /// The text, lines separated by `\n`.
    pub lines: Zeroizing<String>,
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notice").field("kind", &self.kind).field("recipients", &self.to.len()).finish_non_exhaustive()
    }
}

/// Publishes notices.
#[derive(Clone, Debug)]
pub struct Notices {
    client: Client,
    topic_arn: String,
}

impl Notices {
    /// To the topic with that ARN.
    #[must_use]
    pub fn new(client: Client, topic_arn: impl Into<String>) -> Self {
        Self { client, topic_arn: topic_arn.into() }
    }

    /// Publishes a notice as one JSON message, `{"kind", "to": […], "subject", "text"}`. Succeeds when the topic has it.
    pub async fn publish(&self, notice: &Notice) -> Result<(), Error> {
        let kind = MessageAttributeValue::builder().data_type("String").string_value(notice.kind.as_str()).build();
        let kind = kind.map_err(|error| Error::corrupt("notice", error))?;
        let message = message(notice).map_err(|error| Error::corrupt("notice", error))?;
        let published = self
            .client
            .publish()
            .topic_arn(&self.topic_arn)
            .message(message.as_str())
            .message_attributes("kind", kind)
            .send()
            .await;
        published.map_err(|error| Error::unavailable("sns:Publish", &error))?;
        Ok(())
    }
}

/// The message, made here because nothing that holds a secret can be serialized by itself.
fn message(notice: &Notice) -> Result<Zeroizing<String>, Box<dyn std::error::Error>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let mut serializer = serde_json::Serializer::new(&mut *bytes);
    let mut members = serializer.serialize_map(Some(4))?;
    members.serialize_entry("kind", notice.kind.as_str())?;
    members.serialize_entry("to", &notice.to.iter().map(|to| to.as_str()).collect::<Vec<_>>())?;
    members.serialize_entry("subject", &notice.subject)?;
    members.serialize_entry("text", notice.lines.as_str())?;
    members.end()?;
    Ok(Zeroizing::new(std::str::from_utf8(&bytes)?.to_owned()))
}
