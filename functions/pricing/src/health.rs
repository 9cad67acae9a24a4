//! Health and configuration: open to anyone, and telling nothing of any client.

use engine_core::access::Tier;
use engine_core::market::{Source, is_stale};
use engine_core::quote::{MAX_BATCH, VALIDITY};
use engine_core::time::rfc3339;
use engine_http::context::RequestContext;
use engine_http::problem::Problem;
use engine_http::response::{Answer, Reply};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Pricing;

/// State of the engine.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
pub(crate) struct HealthBody {
    /// `healthy`, `degraded` (prices from old or partial data) or `unhealthy` (cannot price).
    status: &'static str,
    /// Version of the engine.
    version: &'static str,
    /// RFC 3339.
    timestamp: String,
    /// Each source of market data.
    market_data: Vec<MarketDataHealth>,
}

/// State of one source of market data.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MarketDataHealth {
    /// `short-stock`, `volatility`, `event-risk` or `minimum-rates`.
    source: &'static str,
    /// `current`, `stale` or `missing`.
    status: &'static str,
    /// RFC 3339 time of the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<String>,
}

/// A one-word state.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = State)]
pub(crate) struct StateBody {
    /// `ready` or `alive`.
    status: &'static str,
}

/// A rate limit tier.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TierBody {
    /// Requests a minute.
    requests_per_minute: u32,
    /// Requests that may come at once.
    burst: u32,
}

/// What a client may rely on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Config)]
pub(crate) struct ConfigBody {
    /// Version in the path.
    api_version: &'static str,
    /// Version of the engine.
    version: &'static str,
    /// Tiers an API key may have.
    rate_limits: Vec<TierBody>,
    /// Most positions in a batch.
    max_batch_positions: usize,
    /// Minutes for which a quote is valid.
    quote_validity_minutes: i64,
    /// Hours after which market data is flagged as stale.
    rate_max_age_hours: i64,
    /// Version of the coefficients.
    coefficients_version: u32,
    /// Added to the rate's multiplier for each point of the volatility index.
    volatility_per_point: String,
    /// Added to the rate's multiplier at event risk factor 10.
    event_risk_at_ten: String,
}

/// State of the engine and of each source.
pub(crate) async fn health(app: &Pricing, context: &RequestContext) -> Answer {
    let book = app.book.current(context.now).await.ok();
    let market_data: Vec<_> = Source::ALL
        .into_iter()
        .map(|source| {
            let as_of = book.as_ref().and_then(|book| book.as_of(source));
            let status = match as_of {
                None => "missing",
                Some(as_of) if is_stale(source, as_of, context.now, app.settings.rate_max_age) => "stale",
                Some(_) => "current",
            };
            MarketDataHealth { source: source.as_str(), status, as_of: as_of.map(rfc3339) }
        })
        .collect();
    let status = if book.is_none_or(|book| book.is_empty()) {
        "unhealthy"
    } else if market_data.iter().all(|source| source.status == "current") {
        "healthy"
    } else {
        "degraded"
    };
    let version = env!("CARGO_PKG_VERSION");
    Reply::ok(&HealthBody { status, version, timestamp: rfc3339(context.now), market_data })
}

/// Whether the engine can price: its book can be read and is not empty.
pub(crate) async fn readiness(app: &Pricing, context: &RequestContext) -> Answer {
    let book = app.book.current(context.now).await?;
    if book.is_empty() {
        return Err(Problem::unavailable("no market data has been imported"));
    }
    Reply::ok(&StateBody { status: "ready" })
}

/// Whether the process runs.
pub(crate) fn liveness() -> Answer {
    Reply::ok(&StateBody { status: "alive" })
}

/// Limits, tiers and coefficients.
pub(crate) fn config(app: &Pricing) -> Answer {
    Reply::ok(&ConfigBody {
        api_version: "v1",
        version: env!("CARGO_PKG_VERSION"),
        rate_limits: Tier::ALL
            .into_iter()
            .map(|tier| TierBody { requests_per_minute: tier.per_minute(), burst: tier.burst() })
            .collect(),
        max_batch_positions: MAX_BATCH,
        quote_validity_minutes: VALIDITY.as_mins(),
        rate_max_age_hours: app.settings.rate_max_age.as_hours(),
        coefficients_version: app.coefficients.version,
        volatility_per_point: app.coefficients.volatility_per_point.to_string(),
        event_risk_at_ten: app.coefficients.event_risk_at_ten.to_string(),
    })
}
