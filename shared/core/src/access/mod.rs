//! Who may call: keys, people, service accounts; what they may do, how often, and who must agree.

mod administrators;
mod api_key;
mod client;
mod contact;
mod credential;
pub mod failures;
mod key;
mod limiter;
mod one_time_code;
mod permission;
mod principal;
pub mod request;
pub mod review;
pub mod role;
pub mod service_account;
pub mod step_up;
mod terms;
pub mod token;
pub mod totp;

pub use administrators::Administrators;
pub use api_key::{ApiKey, ApiKeyError};
pub use client::{ClientId, ClientIdError};
pub use contact::{EmailAddress, EmailAddressError};
pub use credential::{CredentialError, KeyHash, KeyId};
pub use key::{IllegalTransition, KeyAction, KeyRecord, KeyState, MAX_LISTED_TICKERS, Refusal, TickerScope};
pub use limiter::{Allowance, Limited, Tier};
pub use one_time_code::{CodeKind, OneTimeCode};
pub use permission::Permission;
pub use principal::{
    BOOTSTRAP, Elevation, PersonId, PersonIdError, Principal, PrincipalId, PrincipalIdError, PrincipalState,
};
pub use request::AccessRequest;
pub use role::Role;
pub use service_account::{ServiceAccount, ServiceAccountName};
pub use terms::{ClientTerms, read_terms, terms_in_force};
