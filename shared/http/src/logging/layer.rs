use std::fmt;
use std::io::Write;

use engine_aws::clock::{Clock, SystemClock};
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use super::{EventType, LevelFilter, Line, format_line, is_ours};

/// How long CloudWatch keeps the function's log group, as the template sets it.
const RETENTION: &str = "LOG_RETENTION_DAYS";

/// Installs the logger for `function` and announces how long its lines are kept. Does nothing the second time.
pub fn init(function: &'static str) {
    let variable = |name: &str| std::env::var(name).ok();
    let filter =
        LevelFilter::from_settings(variable("AWS_LAMBDA_LOG_LEVEL").as_deref(), variable("RUST_LOG").as_deref());
    let layer = JsonLines::new(function, filter, SystemClock, |line: &str| {
        // A log that cannot be written has nowhere to be reported.
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    });
    if tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).is_ok() {
        announce_retention(variable(RETENTION).as_deref());
    }
}

/// Logs how many days the lines are kept, or that nobody said.
pub fn announce_retention(days: Option<&str>) {
    let event_type = EventType::Configuration.as_str();
    let action = "log_retention";
    if let Some(days) = days.and_then(|days| days.parse::<u32>().ok()) {
        tracing::info!(event_type, status = "SUCCESS", action, details.retention_days = days, "log retention");
    } else {
        tracing::warn!(event_type, status = "FAILURE", action, "{RETENTION} is not set to a number of days");
    }
}

/// Writes each event as one line, line break included.
pub struct JsonLines<C, W> {
    function: &'static str,
    filter: LevelFilter,
    clock: C,
    write: W,
}

impl<C: Clock, W: Fn(&str)> JsonLines<C, W> {
    /// Lines of `function` that `filter` admits, at the times of `clock`, go to `write`.
    pub fn new(function: &'static str, filter: LevelFilter, clock: C, write: W) -> Self {
        Self { function, filter, clock, write }
    }
}

impl<S, C, W> Layer<S> for JsonLines<C, W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    C: Clock + 'static,
    W: Fn(&str) + 'static,
{
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.filter.admits(*metadata.level(), is_ours(metadata.target(), self.function))
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(around) = span.extensions().get::<Fields>() {
                fields.0.extend(around.0.iter().cloned());
            }
        }
        let mut line = format_line(Line {
            timestamp: self.clock.now(),
            level: *event.metadata().level(),
            function: self.function,
            target: event.metadata().target(),
            fields: fields.0,
        });
        line.push('\n');
        (self.write)(&line);
    }
}

/// Fields with their types kept: numbers stay numbers.
#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn push(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.push((field.name().trim_start_matches("r#"), value.into()));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.push(field, value.to_string());
    }
}
