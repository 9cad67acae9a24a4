//! A key as asked for, and what must hold of it.

use std::collections::BTreeSet;

use engine_core::access::{ClientId, MAX_LISTED_TICKERS, Permission, TickerScope, Tier};
use engine_core::field::FieldError;
use engine_core::ticker::Ticker;

/// Longest life of a key, in days.
pub const MAX_EXPIRY_DAYS: u64 = 90;

/// A key as asked for.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The client it is for.
    pub client_id: String,
    /// Requests a minute: 60, 300 or 1000.
    pub rate_limit: u64,
    /// Days until it ends: 1 to 90.
    pub expiry_days: u64,
    /// Names of permissions; `None` for all.
    pub permissions: Option<Vec<String>>,
    /// Tickers it may see, at most 50; `None` for all.
    pub tickers: Option<Vec<String>>,
    /// The environment named in the key's text.
    pub environment: String,
}

pub(super) struct Wanted {
    pub(super) client_id: ClientId,
    pub(super) tier: Tier,
    pub(super) permissions: BTreeSet<Permission>,
    pub(super) tickers: TickerScope,
}

pub(super) fn read_new(new: &NewKey) -> Result<Wanted, Vec<FieldError>> {
    let mut errors = Vec::new();
    let client_id =
        ClientId::parse(&new.client_id).map_err(|error| errors.push(FieldError::new("client_id", error))).ok();
    let tier = Tier::from_per_minute(new.rate_limit);
    if tier.is_none() {
        errors.push(FieldError::new("rate_limit", "must be 60, 300 or 1000 requests a minute"));
    }
    if !(1..=MAX_EXPIRY_DAYS).contains(&new.expiry_days) {
        errors.push(FieldError::new("expiry_days", format_args!("must be between 1 and {MAX_EXPIRY_DAYS}")));
    }
    let permissions = match &new.permissions {
        None => Some(BTreeSet::from(Permission::OF_KEYS)),
        Some(names) => names.iter().map(|name| Permission::of_keys(name)).collect::<Option<BTreeSet<_>>>(),
    }
    .filter(|permissions| !permissions.is_empty());
    if permissions.is_none() {
        errors.push(FieldError::new("permissions", "must list fees:calculate, rates:view or both"));
    }
    let tickers = match &new.tickers {
        None => Some(TickerScope::All),
        Some(tickers) if (1..=MAX_LISTED_TICKERS).contains(&tickers.len()) => {
            tickers.iter().map(|ticker| Ticker::parse(ticker).ok()).collect::<Option<_>>().map(TickerScope::Listed)
        }
        Some(_) => None,
    };
    if tickers.is_none() {
        errors.push(FieldError::new("tickers", format_args!("must list 1 to {MAX_LISTED_TICKERS} ticker symbols")));
    }
    match (client_id, tier, permissions, tickers) {
        (Some(client_id), Some(tier), Some(permissions), Some(tickers)) if errors.is_empty() => {
            Ok(Wanted { client_id, tier, permissions, tickers })
        }
        _ => Err(errors),
    }
}
