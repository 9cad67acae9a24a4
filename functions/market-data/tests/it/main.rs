//! The importer against an embedded DynamoDB, its files from memory.

mod accept;
mod events;
mod import;
mod race;
mod rig;
