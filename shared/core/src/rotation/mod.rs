//! When a credential is due for what, and what people are told of it.

mod key_life;
mod notice;
mod schedule;

pub use key_life::{KEY_IDLE, KeyDue, KeyLife};
pub use notice::{Notice, NoticeKind};
pub use schedule::{CredentialKind, Schedule};
