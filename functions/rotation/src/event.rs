//! What Secrets Manager invokes the function with.

use serde::Deserialize;

/// One step of a rotation. It has no `Debug`: its rotation token is what lets a value be put.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    /// The step, in either of the spellings that Secrets Manager documents.
    pub step: String,
    /// ARN of the secret.
    pub secret_id: String,
    /// The version that the rotation makes.
    pub client_request_token: String,
    /// Proves to Secrets Manager that a value is put for this rotation, where it asks for that.
    #[serde(default)]
    pub rotation_token: Option<String>,
}

/// A step of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Makes the next value.
    Create,
    /// Makes it known where it is to be used.
    Set,
    /// Uses it.
    Test,
    /// Puts it in the place of the current one.
    Finish,
}

impl Step {
    /// Every step, in their order.
    pub const ALL: [Self; 4] = [Self::Create, Self::Set, Self::Test, Self::Finish];

    /// The step of that name, as it is sent or as the documentation's prose writes it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == name || step.in_prose() == name)
    }

    /// The step's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "createSecret",
            Self::Set => "setSecret",
            Self::Test => "testSecret",
            Self::Finish => "finishSecret",
        }
    }

    const fn in_prose(self) -> &'static str {
        match self {
            Self::Create => "create_secret",
            Self::Set => "set_secret",
            Self::Test => "test_secret",
            Self::Finish => "finish_secret",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_known_by_both_of_its_names_and_by_no_other() {
        for step in Step::ALL {
            assert_eq!(Step::from_name(step.as_str()), Some(step));
            assert_eq!(Step::from_name(step.in_prose()), Some(step));
        }
        for other in ["", "create", "CreateSecret", "createsecret", "deleteSecret", " createSecret"] {
            assert_eq!(Step::from_name(other), None, "{other:?}");
        }
    }

    #[test]
    fn an_event_may_come_without_a_rotation_token_and_with_what_is_not_known() {
        let read = |event| serde_json::from_str::<Event>(event);
        let event = read(r#"{"Step":"setSecret","SecretId":"arn","ClientRequestToken":"t","Added":"later"}"#).unwrap();
        assert_eq!((event.step.as_str(), event.rotation_token), ("setSecret", None));
        let event = r#"{"Step":"setSecret","SecretId":"arn","ClientRequestToken":"t","RotationToken":"r"}"#;
        assert_eq!(read(event).unwrap().rotation_token.as_deref(), Some("r"));
        assert!(read(r#"{"Step":"setSecret","SecretId":"arn"}"#).is_err());
    }
}
