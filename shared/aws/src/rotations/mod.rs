//! The table `rotations`: notices that are made and not yet told, emergency rotations, and what is known of credentials that
//! are kept elsewhere than in the tables.

mod calendar;
mod emergency;
mod outbox;
mod publisher;
mod register;

pub use calendar::{Calendar, CalendarPage, CalendarPlace, CalendarQuery, CalendarRow};
pub use emergency::{
    Claim, Counts, EmergencyRotation, EmergencyRotations, LEASE, Lease, NewEmergency, Phase, Place, Target, Unit,
    UnitName,
};
pub use outbox::{CLAIM, Outbox, Waiting};
pub use publisher::{Channels, Published, Publisher};
pub use register::{BY_SECRETS_MANAGER, RegisterRow, RegisterStore};
