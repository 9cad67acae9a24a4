//! Records of imports: one item a file, which says what became of it.

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::MarketStore;
use crate::item::{Item, s, string};
use crate::{Error, transact};

/// Partition of the records.
const IMPORTS: &str = "import";

/// A record as stored. What the document says is the importer's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportDocument {
    /// The import's id.
    pub import_id: String,
    /// Where it stands, for conditions on it.
    pub status: String,
    /// The record as JSON.
    pub document: String,
}

/// What must hold of a record when it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordCondition {
    /// There is none yet: a redelivered event writes nothing twice.
    Absent,
    /// It stands at this status.
    Status(&'static str),
}

impl MarketStore {
    /// The record of an import.
    pub async fn import(&self, id: &str) -> Result<Option<ImportDocument>, Error> {
        let get = self.client.get_item().table_name(&self.table).key("pk", s(IMPORTS)).key("sk", s(id));
        let got = get.consistent_read(true).send().await;
        let got = got.map_err(|error| Error::unavailable("dynamodb:GetItem", &error))?;
        got.item.as_ref().map(read).transpose()
    }

    /// Every record, by id.
    pub async fn imports(&self) -> Result<Vec<ImportDocument>, Error> {
        self.partition(IMPORTS).await?.iter().map(read).collect()
    }
}

/// The put of a record.
pub(super) fn put(
    table: &str,
    record: &ImportDocument,
    condition: RecordCondition,
) -> Result<TransactWriteItem, Error> {
    let item = Item::from([
        ("pk".into(), s(IMPORTS)),
        ("sk".into(), s(&record.import_id)),
        ("import_status".into(), s(&record.status)),
        ("document".into(), s(&record.document)),
    ]);
    match condition {
        RecordCondition::Absent => transact::put(table, item, transact::ABSENT, []),
        RecordCondition::Status(status) => transact::put(table, item, "import_status = :read", [(":read", s(status))]),
    }
}

fn read(item: &Item) -> Result<ImportDocument, Error> {
    Ok(ImportDocument {
        import_id: string(item, "sk")?.to_owned(),
        status: string(item, "import_status")?.to_owned(),
        document: string(item, "document")?.to_owned(),
    })
}
