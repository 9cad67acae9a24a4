/// What kind of event a line tells of: a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// A credential was presented.
    Authentication,
    /// A permission was asked for.
    Authorization,
    /// A request was answered.
    ApiAccess,
    /// Stored data was read or written.
    DataAccess,
    /// A setting took effect.
    Configuration,
    /// Something that people should look at.
    SecurityEvent,
    /// The audit log.
    Audit,
    /// A function started, or anything else of its own life.
    Lifecycle,
}

impl EventType {
    /// Every type.
    pub const ALL: [Self; 8] = [
        Self::Authentication,
        Self::Authorization,
        Self::ApiAccess,
        Self::DataAccess,
        Self::Configuration,
        Self::SecurityEvent,
        Self::Audit,
        Self::Lifecycle,
    ];

    /// The type's name in `event_type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authentication => "AUTHENTICATION",
            Self::Authorization => "AUTHORIZATION",
            Self::ApiAccess => "API_ACCESS",
            Self::DataAccess => "DATA_ACCESS",
            Self::Configuration => "CONFIGURATION",
            Self::SecurityEvent => "SECURITY_EVENT",
            Self::Audit => "AUDIT",
            Self::Lifecycle => "LIFECYCLE",
        }
    }
}
