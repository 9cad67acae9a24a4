//! The table `rotations`: notices that are made and not yet told, emergency rotations, and what is known of credentials that
//! are kept elsewhere than in the tables.

mod outbox;

pub use outbox::{Outbox, Waiting};
