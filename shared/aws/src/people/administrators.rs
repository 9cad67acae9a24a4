//! Who administers, as one record: what ends the bootstrap path, and what the last administrator is counted by.

use engine_core::access::Administrators;
use serde_json::{Map, Value, json};

use super::table::{self, BOOTSTRAP};
use super::{People, Versioned, is_bootstrap};
use crate::Error;
use crate::author::Author;
use crate::change::Change;

const PLACE: (&str, &str) = (BOOTSTRAP, "administrators");
const CLOSED: &str = "the bootstrap administrator may not act any more: there are two administrators";

impl People {
    /// The active administrators, as of everything written before.
    pub async fn administrators(&self) -> Result<Versioned<Administrators>, Error> {
        let item = self.item(PLACE.0, PLACE.1).await?;
        let none = || Ok(Versioned { value: Administrators::default(), version: 0 });
        item.map_or_else(none, |item| table::read(&item))
    }

    /// Adds the administrators after a change, where it makes a difference to them, and says so in `details`. A change that
    /// the bootstrap administrator makes is lost also where it may not act any more by then.
    pub(super) fn settle(
        &self,
        change: &mut Change,
        author: &Author,
        read: &Versioned<Administrators>,
        next: &Administrators,
        details: &mut Map<String, Value>,
    ) -> Result<(), Error> {
        let by_bootstrap = is_bootstrap(author);
        if by_bootstrap && !read.value.bootstrap_open() {
            return Err(Error::Conflict(CLOSED.to_owned()));
        }
        let what = "the list of administrators";
        if read.value == *next {
            let lost = table::changed(what);
            return if by_bootstrap { self.unchanged(change, PLACE, read.version, &lost) } else { Ok(()) };
        }
        details.insert("administrators_version".to_owned(), json!(read.version + 1));
        if read.value.bootstrap_open() && !next.bootstrap_open() {
            details.insert("bootstrap_closed".to_owned(), json!(true));
        }
        self.save(change, PLACE, read.version, next, what)
    }

    /// The same for a change that makes no difference to who administers.
    pub(super) async fn act_as(&self, change: &mut Change, author: &Author) -> Result<(), Error> {
        if !is_bootstrap(author) {
            return Ok(());
        }
        let read = self.administrators().await?;
        self.settle(change, author, &read, &read.value, &mut Map::new())
    }
}
