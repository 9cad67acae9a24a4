//! What the sweep of credentials reads of people and ends of theirs.

use engine_core::access::{Elevation, Principal};
use engine_core::audit::Event;
use jiff::Timestamp;
use serde_json::json;

use super::principals::{Account, describe, resource};
use super::table::{self, PERSONS};
use super::{People, Person, Versioned, act};
use crate::Error;
use crate::author::Author;
use crate::change::{Change, Prepared};

impl People {
    /// Takes an elevation that is over off its account; `None` where there is none. The roles ended by themselves: this says so.
    pub fn end_elevation(
        &self,
        read: &Account,
        author: &Author,
        now: Timestamp,
    ) -> Result<Option<Prepared<Elevation>>, Error> {
        let Some(over) = read.value.elevation.clone().filter(|elevation| elevation.until <= now) else {
            return Ok(None);
        };
        let next = Principal { elevation: None, ..read.value.clone() };
        let mut change = Change::default();
        self.save_principal(&mut change, read, &next)?;
        let mut details = describe(&next, read.version + 1);
        details.insert("elevation".to_owned(), json!(over));
        let act = act(Event::PrincipalElevationEnd, resource(&next.id), None, details);
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(Some(Prepared { change, value: over }))
    }

    /// Adds the condition that a person is as they were read.
    pub fn as_read(&self, change: &mut Change, read: &Versioned<Person>) -> Result<(), Error> {
        let id = read.value.id.as_str();
        self.unchanged(change, (PERSONS, id), read.version, &table::changed(&format!("person {id}")))
    }
}
