//! The function's routes, each declared once: an undeclared one cannot be reached.

use engine_core::access::Permission;
use engine_http::route::{Access, Route, Routes};

/// What answers a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handler {
    /// One quote, inputs in the body.
    CalculatePost,
    /// One quote, inputs in the query.
    CalculateGet,
    /// A batch of quotes.
    CalculateBatch,
    /// The rates the caller may see, in pages.
    ListRates,
    /// One ticker's rate.
    GetRate,
    /// One ticker's rate under given market conditions.
    WhatIf,
    /// State of the engine and its data.
    Health,
    /// Whether it can price.
    Readiness,
    /// Whether it runs.
    Liveness,
    /// Limits, tiers and coefficients.
    Config,
}

const CALCULATE: Access = Access::ApiKey(Permission::CalculateFees);
const VIEW_RATES: Access = Access::ApiKeyOrToken(Permission::ViewRates);

const fn route(method: &'static str, path: &'static str, access: Access, handler: Handler) -> Route<Handler> {
    Route { method, path, access, handler }
}

/// The route table.
pub static ROUTES: Routes<Handler> = Routes(&[
    route("POST", "/api/v1/calculate-locate", CALCULATE, Handler::CalculatePost),
    route("GET", "/api/v1/calculate-locate", CALCULATE, Handler::CalculateGet),
    route("POST", "/api/v1/calculate-locate/batch", CALCULATE, Handler::CalculateBatch),
    route("GET", "/api/v1/rates", VIEW_RATES, Handler::ListRates),
    route("GET", "/api/v1/rates/{ticker}", VIEW_RATES, Handler::GetRate),
    route("GET", "/api/v1/rates/{ticker}/calculate", VIEW_RATES, Handler::WhatIf),
    route("GET", "/api/v1/health", Access::Anyone, Handler::Health),
    route("GET", "/api/v1/health/readiness", Access::Anyone, Handler::Readiness),
    route("GET", "/api/v1/health/liveness", Access::Anyone, Handler::Liveness),
    route("GET", "/api/v1/config", Access::Anyone, Handler::Config),
]);
