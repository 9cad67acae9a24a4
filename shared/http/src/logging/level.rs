use tracing::Level;

/// Which events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelFilter {
    ours: Option<Level>,
}

impl LevelFilter {
    /// By `AWS_LAMBDA_LOG_LEVEL`, else by `RUST_LOG` where it is a plain level, else INFO.
    #[must_use]
    pub fn from_settings(lambda: Option<&str>, rust_log: Option<&str>) -> Self {
        let ours = lambda.and_then(plain_level).or_else(|| rust_log.and_then(plain_level));
        Self { ours: ours.unwrap_or(Some(Level::INFO)) }
    }

    /// Whether an event of that level and target is written. Other people's crates are heard from WARN on.
    #[must_use]
    pub fn admits(self, level: Level, ours: bool) -> bool {
        self.ours.is_some_and(|most| level <= most && (ours || level <= Level::WARN))
    }
}

/// The level of that name: Lambda's `FATAL` is the highest there is, and `off` is none.
#[allow(clippy::option_option)] // not a level, and the level that lets nothing through, are two things
fn plain_level(text: &str) -> Option<Option<Level>> {
    match text.trim().to_ascii_lowercase().as_str() {
        "trace" => Some(Some(Level::TRACE)),
        "debug" => Some(Some(Level::DEBUG)),
        "info" => Some(Some(Level::INFO)),
        "warn" => Some(Some(Level::WARN)),
        "error" | "fatal" => Some(Some(Level::ERROR)),
        "off" => Some(None),
        _ => None,
    }
}

/// Whether a target is one of this workspace's crates: `engine_…`, or the function's own.
#[must_use]
pub fn is_ours(target: &str, function: &str) -> bool {
    let name = target.split_once("::").map_or(target, |(name, _)| name);
    name.starts_with("engine_") || name == "market_data" || name == function.replace('-', "_")
}
