//! When a credential is due for what, and what people are told of it.

mod notice;
mod schedule;

pub use notice::{Notice, NoticeKind};
pub use schedule::{CredentialKind, Schedule};
