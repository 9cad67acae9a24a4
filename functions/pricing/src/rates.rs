//! `GET /api/v1/rates…`: what the book says of the tickers the caller may see.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use engine_core::field::{FieldReader, Fields};
use engine_core::market::{Book, BorrowStatus, DataSource, Security};
use engine_core::pricing::borrow_rate;
use engine_core::ticker::Ticker;
use engine_http::body::query_fields;
use engine_http::problem::Problem;
use engine_http::response::{Answer, Reply};
use rust_decimal::Decimal;

use crate::admit::{Viewing, admit_viewer};
use crate::bodies::{RateBody, RatePageBody};
use crate::{Call, Pricing};

/// Rates in a page unless asked otherwise, and at most.
const PAGE: (u64, u64) = (20, 100);
/// Points of a volatility index: as market data may have them.
const VOLATILITY_INDEX: (Decimal, Decimal) = (Decimal::ZERO, Decimal::ONE_THOUSAND);
const VOLATILITY_SCALE: u32 = 6;
/// Range of an event risk factor.
const EVENT_RISK_FACTOR: (u64, u64) = (0, 10);

/// One ticker's rate.
pub(crate) async fn get(app: &Pricing, call: Call<'_>, ticker: &str) -> Answer {
    let viewing = admit_viewer(app, call).await?;
    let answer = with_security(app, call, &viewing, ticker, |security| rate(app, &security));
    viewing.answer(answer)
}

/// One ticker's rate under a given volatility index or event risk factor.
pub(crate) async fn what_if(app: &Pricing, call: Call<'_>, ticker: &str) -> Answer {
    let given = read_given(&query_fields(call.request));
    let viewing = admit_viewer(app, call).await?;
    let answer = viewing.permitted.clone().and(given).and_then(|given| {
        with_security(app, call, &viewing, ticker, |mut security| {
            if let Some(index) = given.volatility_index {
                security.volatility_index = index;
                security.data_sources.volatility = DataSource::given();
            }
            if let Some(factor) = given.event_risk_factor {
                security.event_risk_factor = factor;
                security.data_sources.event_risk = DataSource::given();
            }
            rate(app, &security)
        })
    });
    viewing.answer(answer)
}

/// A page of the rates that the caller may see, in ticker order.
pub(crate) async fn list(app: &Pricing, call: Call<'_>) -> Answer {
    let page = read_page(&query_fields(call.request));
    let viewing = admit_viewer(app, call).await?;
    let answer = viewing.permitted.clone().and(page).and_then(|page| {
        let book = viewing.book.clone()?;
        Reply::ok(&page_of(app, call, &viewing, &book, &page)?)
    });
    viewing.answer(answer)
}

fn with_security(
    app: &Pricing,
    call: Call<'_>,
    viewing: &Viewing,
    ticker: &str,
    answer: impl FnOnce(Security<'_>) -> Result<RateBody, Problem>,
) -> Answer {
    viewing.permitted.clone()?;
    let ticker = Ticker::parse(ticker).map_err(|error| Problem::invalid_field("ticker", error))?;
    let book = viewing.book.clone()?;
    let visible = viewing.tickers.includes(&ticker);
    let security = book.find(&ticker, call.context.now, app.settings.rate_max_age).filter(|_| visible);
    Reply::ok(&answer(security.ok_or_else(Problem::ticker_not_found)?)?)
}

fn rate(app: &Pricing, security: &Security<'_>) -> Result<RateBody, Problem> {
    let rate = borrow_rate(
        security.base_rate,
        security.volatility_index,
        security.event_risk_factor,
        security.minimum_rate,
        &app.coefficients,
    );
    Ok(RateBody::new(security, rate.map_err(|error| Problem::internal(error.to_string()))?))
}

struct Given {
    volatility_index: Option<Decimal>,
    event_risk_factor: Option<u8>,
}

fn read_given(fields: &Fields) -> Result<Given, Problem> {
    let mut reader = FieldReader::new(fields);
    let volatility_index = if reader.has("volatility_index") {
        reader.decimal("volatility_index", VOLATILITY_SCALE, VOLATILITY_INDEX)
    } else {
        None
    };
    let event_risk_factor = if reader.has("event_risk_factor") {
        reader.integer("event_risk_factor", EVENT_RISK_FACTOR).and_then(|factor| u8::try_from(factor).ok())
    } else {
        None
    };
    reader.finish(Some(Given { volatility_index, event_risk_factor })).map_err(Problem::invalid)
}

struct Page {
    status: Option<BorrowStatus>,
    limit: usize,
    after: Option<Ticker>,
}

fn read_page(fields: &Fields) -> Result<Page, Problem> {
    let mut reader = FieldReader::new(fields);
    let status = if reader.has("status") {
        reader.text("status", |name| BorrowStatus::from_name(name).ok_or("must be EASY, MEDIUM or HARD"))
    } else {
        None
    };
    let limit = if reader.has("limit") { reader.integer("limit", (1, PAGE.1)) } else { Some(PAGE.0) };
    let after = if reader.has("cursor") {
        reader.text("cursor", |cursor| read_cursor(cursor).ok_or("must be a next_cursor of this list"))
    } else {
        None
    };
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    reader.finish(limit.map(|limit| Page { status, limit, after })).map_err(Problem::invalid)
}

fn read_cursor(cursor: &str) -> Option<Ticker> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    Ticker::parse(&text).ok()
}

fn page_of(
    app: &Pricing,
    call: Call<'_>,
    viewing: &Viewing,
    book: &Book,
    page: &Page,
) -> Result<RatePageBody, Problem> {
    let mut items = Vec::new();
    for ticker in book.page(page.after.as_ref()) {
        if !viewing.tickers.includes(ticker) {
            continue;
        }
        let Some(security) = book.find(ticker, call.context.now, app.settings.rate_max_age) else { continue };
        if page.status.is_some_and(|status| status != security.status) {
            continue;
        }
        if items.len() == page.limit {
            let last: Option<&RateBody> = items.last();
            let next_cursor = last.map(|rate| URL_SAFE_NO_PAD.encode(&rate.ticker));
            return Ok(RatePageBody { items, next_cursor });
        }
        items.push(rate(app, &security)?);
    }
    Ok(RatePageBody { items, next_cursor: None })
}
