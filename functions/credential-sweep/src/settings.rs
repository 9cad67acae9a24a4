//! What the function is told by its environment: names of things, never a secret.

/// The function's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The environment named in credentials (`ENVIRONMENT`): 2 to 10 lower-case letters or digits.
    pub environment: String,
    /// The stack's name (`STACK_NAME`), which events say.
    pub stack: String,
    /// Table of API keys (`KEYS_TABLE`).
    pub keys_table: String,
    /// Table of clients and contacts (`CLIENTS_TABLE`).
    pub clients_table: String,
    /// Table of people and service accounts (`PEOPLE_TABLE`).
    pub people_table: String,
    /// Table of audit entries (`AUDIT_TABLE`).
    pub audit_table: String,
    /// Table of notices, emergency rotations and the register (`ROTATIONS_TABLE`).
    pub rotations_table: String,
    /// ARN of the secret with the actor key (`ACTOR_KEY_SECRET`).
    pub actor_key_secret: String,
    /// ARN of the secret with the reference key (`REFERENCE_KEY_SECRET`).
    pub reference_key_secret: String,
    /// KMS key of contacts (`CONTACTS_KEY`).
    pub contacts_key: String,
    /// What names of service accounts' secrets start with (`SERVICE_ACCOUNT_PREFIX`).
    pub service_account_prefix: String,
    /// ARN of the function that rotates secrets (`ROTATION_FUNCTION`); empty where nothing rotates by itself.
    pub rotation_function: Option<String>,
    /// ARN of the FIFO topic of notices (`LIFECYCLE_TOPIC`).
    pub topic: String,
    /// Keys of KMS that sign (`SIGNING_KEYS`).
    pub signing_keys: Vec<Named>,
    /// Symmetric keys of KMS (`KMS_KEYS`).
    pub kms_keys: Vec<Named>,
    /// Secrets of the stack itself (`STACK_SECRETS`).
    pub stack_secrets: Vec<Named>,
    /// ARN of the certificate of the API's domain (`CERTIFICATE`); empty where it has none.
    pub certificate: Option<String>,
}

/// A credential by the name that the register has for it: `<name>=<ARN>` in a list parted by commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

/// A setting that is missing or of no use. The function does not start with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not set.
    #[error("environment variable {0} is missing or empty")]
    Missing(&'static str),
    /// Not a list of names and ARNs.
    #[error("environment variable {0} must be <name>=<ARN>, parted by commas")]
    NotAList(&'static str),
}

impl Settings {
    /// Reads the settings from the environment.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads the settings from `variable`.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let optional = |name: &'static str| variable(name).filter(|value| !value.is_empty());
        let read = |name: &'static str| optional(name).ok_or(SettingsError::Missing(name));
        let list = |name: &'static str| named(&read(name)?).ok_or(SettingsError::NotAList(name));
        Ok(Self {
            environment: read("ENVIRONMENT")?,
            stack: read("STACK_NAME")?,
            keys_table: read("KEYS_TABLE")?,
            clients_table: read("CLIENTS_TABLE")?,
            people_table: read("PEOPLE_TABLE")?,
            audit_table: read("AUDIT_TABLE")?,
            rotations_table: read("ROTATIONS_TABLE")?,
            actor_key_secret: read("ACTOR_KEY_SECRET")?,
            reference_key_secret: read("REFERENCE_KEY_SECRET")?,
            contacts_key: read("CONTACTS_KEY")?,
            service_account_prefix: read("SERVICE_ACCOUNT_PREFIX")?,
            rotation_function: optional("ROTATION_FUNCTION"),
            topic: read("LIFECYCLE_TOPIC")?,
            signing_keys: list("SIGNING_KEYS")?,
            kms_keys: list("KMS_KEYS")?,
            stack_secrets: list("STACK_SECRETS")?,
            certificate: optional("CERTIFICATE"),
        })
    }
}

fn named(list: &str) -> Option<Vec<Named>> {
    let one = |one: &str| {
        let (name, arn) = one.split_once('=')?;
        let whole = !name.is_empty() && !arn.is_empty();
        whole.then(|| Named { name: name.to_owned(), arn: arn.to_owned() })
    };
    list.split(',').map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONAL: [&str; 2] = ["ROTATION_FUNCTION", "CERTIFICATE"];
    const LISTS: [&str; 3] = ["SIGNING_KEYS", "KMS_KEYS", "STACK_SECRETS"];
    const PLAIN: [&str; 12] = [
        "ENVIRONMENT",
        "STACK_NAME",
        "KEYS_TABLE",
        "CLIENTS_TABLE",
        "PEOPLE_TABLE",
        "AUDIT_TABLE",
        "ROTATIONS_TABLE",
        "ACTOR_KEY_SECRET",
        "REFERENCE_KEY_SECRET",
        "CONTACTS_KEY",
        "SERVICE_ACCOUNT_PREFIX",
        "LIFECYCLE_TOPIC",
    ];

    fn read(set: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::read(|name| {
            let given = set.iter().find(|(held, _)| *held == name).map(|(_, value)| (*value).to_owned());
            let list = LISTS.contains(&name).then(|| "a=arn:1,b=arn:2".to_owned());
            given.or(list).or_else(|| PLAIN.contains(&name).then(|| name.to_lowercase()))
        })
    }

    #[test]
    fn every_setting_is_needed_but_a_function_that_rotates_and_a_certificate() {
        let settings = read(&OPTIONAL.map(|name| (name, ""))).unwrap();
        assert_eq!((settings.rotation_function, settings.certificate), (None, None));
        for left_out in PLAIN.into_iter().chain(LISTS) {
            assert_eq!(read(&[(left_out, "")]).unwrap_err(), SettingsError::Missing(left_out));
        }
    }

    #[test]
    fn a_list_names_each_of_its_credentials() {
        let named = |name: &str, arn: &str| Named { name: name.into(), arn: arn.into() };
        assert_eq!(read(&[]).unwrap().signing_keys, [named("a", "arn:1"), named("b", "arn:2")]);
        for list in LISTS {
            for torn in ["arn:1", "a=", "=arn:1", "a=arn:1,", ",a=arn:1"] {
                assert_eq!(read(&[(list, torn)]).unwrap_err(), SettingsError::NotAList(list), "{torn}");
            }
        }
    }
}
