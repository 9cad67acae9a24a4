//! How far the daily work has come, in the log's table: `pk` `control`, `sk` the day, `newest`, or a fact.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use engine_aws::Error;
use engine_core::audit::{EntryId, Event};
use jiff::Timestamp;
use jiff::civil::Date;

const PARTITION: &str = "control";
const NEWEST: &str = "newest";

/// How far the work on one day has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OfDay {
    /// The minute up to which the day was swept again.
    pub(crate) minute: Option<Timestamp>,
    /// Entries that had an index when that was done: all of the day are among them.
    pub(crate) size: Option<u64>,
    /// When its total was first told.
    pub(crate) told: Option<Timestamp>,
}

/// Reads and moves on.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    client: Client,
    table: String,
}

impl Progress {
    /// In the log's table.
    pub(crate) fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// The newest day whose total is in the log; none before the first.
    pub(crate) async fn newest_day(&self) -> Result<Option<Date>, Error> {
        let item = self.get(NEWEST).await?;
        let day = item.get("day").and_then(|day| day.as_s().ok());
        day.map(|day| day.parse().map_err(|error| Error::corrupt("control progress", error))).transpose()
    }

    /// Notes that the total of `day` is in the log.
    pub(crate) async fn set_newest_day(&self, day: Date) -> Result<(), Error> {
        self.forward(NEWEST, "day", AttributeValue::S(day.to_string())).await
    }

    /// How far the work on `day` has come.
    pub(crate) async fn of_day(&self, day: Date) -> Result<OfDay, Error> {
        let item = self.get(&day.to_string()).await?;
        let number = |name: &str| {
            let text = item.get(name).and_then(|value| value.as_n().ok());
            text.map(|text| text.parse::<i64>().map_err(|error| Error::corrupt("control progress", error))).transpose()
        };
        let minute = number("minute")?.map(Timestamp::from_millisecond).transpose();
        let told = number("told")?.map(Timestamp::from_millisecond).transpose();
        let size = number("size")?.map(u64::try_from).transpose();
        Ok(OfDay {
            minute: minute.map_err(|error| Error::corrupt("control progress", error))?,
            size: size.map_err(|error| Error::corrupt("control progress", error))?,
            told: told.map_err(|error| Error::corrupt("control progress", error))?,
        })
    }

    /// Notes up to which minute `day` was swept again. Only forward: a slower run changes nothing.
    pub(crate) async fn set_minute(&self, day: Date, minute: Timestamp) -> Result<(), Error> {
        self.forward(&day.to_string(), "minute", AttributeValue::N(minute.as_millisecond().to_string())).await
    }

    /// Notes how long the log was when `day` had been swept again, unless another run has; answers what is noted.
    pub(crate) async fn set_size(&self, day: Date, size: u64) -> Result<u64, Error> {
        self.once(&day.to_string(), "size", AttributeValue::N(size.to_string())).await?;
        Ok(self.of_day(day).await?.size.unwrap_or(size))
    }

    /// Notes that the total of `day` is told at `time`, unless another run has; answers what is noted.
    pub(crate) async fn set_told(&self, day: Date, time: Timestamp) -> Result<Timestamp, Error> {
        self.once(&day.to_string(), "told", AttributeValue::N(time.as_millisecond().to_string())).await?;
        Ok(self.of_day(day).await?.told.unwrap_or(time))
    }

    /// The id of the entry about a fact: `id`, unless another was noted before.
    pub(crate) async fn id_of(&self, event: Event, name: &str, id: EntryId) -> Result<EntryId, Error> {
        let sort_key = format!("{event}#{name}");
        let read = |item: HashMap<String, AttributeValue>| {
            let noted = item.get("id").and_then(|id| id.as_s().ok().cloned());
            let wrong = || Error::corrupt("control progress", "the id of an entry is none");
            noted.map(|noted| EntryId::parse(&noted).ok_or_else(wrong)).transpose()
        };
        if let Some(noted) = read(self.get(&sort_key).await?)? {
            return Ok(noted);
        }
        self.once(&sort_key, "id", AttributeValue::S(id.to_string())).await?;
        Ok(read(self.get(&sort_key).await?)?.unwrap_or(id))
    }

    /// Sets an attribute that is not there.
    async fn once(&self, sort_key: &str, name: &str, value: AttributeValue) -> Result<(), Error> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(sort_key)))
            .update_expression("SET #name = if_not_exists(#name, :value)")
            .expression_attribute_names("#name", name)
            .expression_attribute_values(":value", value)
            .send()
            .await;
        update.map(|_| ()).map_err(|error| Error::unavailable("dynamodb:UpdateItem", &error))
    }

    async fn get(&self, sort_key: &str) -> Result<HashMap<String, AttributeValue>, Error> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key(sort_key))).consistent_read(true);
        let got = get.send().await.map_err(|error| Error::unavailable("dynamodb:GetItem", &error))?;
        Ok(got.item.unwrap_or_default())
    }

    async fn forward(&self, sort_key: &str, name: &str, value: AttributeValue) -> Result<(), Error> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(sort_key)))
            .update_expression("SET #name = :value")
            .condition_expression("attribute_not_exists(#name) OR #name < :value")
            .expression_attribute_names("#name", name)
            .expression_attribute_values(":value", value)
            .send()
            .await;
        match update {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(Error::unavailable("dynamodb:UpdateItem", &error)),
            },
        }
    }
}

fn key(sort_key: &str) -> HashMap<String, AttributeValue> {
    [("pk", PARTITION), ("sk", sort_key)]
        .map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())))
        .into()
}
