//! Secrets Manager in the process, with the staging labels' rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use aws_sdk_secretsmanager::Client;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::service::{Control, Network, Protocol, Refused, Service, client, text, unknown};

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";
const PREVIOUS: &str = "AWSPREVIOUS";

/// A Secrets Manager with the secrets that a test makes. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct SecretsManager {
    secrets: Arc<Secrets>,
    control: Control,
}

impl SecretsManager {
    /// One without secrets.
    pub fn new() -> Self {
        Self::default()
    }

    /// A client of it, which does not retry.
    pub fn client(&self) -> Client {
        self.client_on(&self.control)
    }

    /// A client of a second process, with faults of its own.
    pub fn client_on(&self, control: &Control) -> Client {
        client!(aws_sdk_secretsmanager, Network::new(&self.secrets, control))
    }

    /// Its calls by action (`GetSecretValue` …), and their faults.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Makes a secret with that text, without a call; answers its ARN.
    pub fn put(&self, name: &str, value: &str) -> String {
        let input = json!({"Name": name, "SecretString": value, "ClientRequestToken": format!("first of {name}")});
        let created = self.secrets.create(&input).expect("a new secret");
        created["ARN"].as_str().unwrap().to_owned()
    }

    /// Gives the version that a rotation was started with its text, without a call.
    pub fn fill(&self, name: &str, version: &str, value: &str) {
        let input = json!({"ClientRequestToken": version, "SecretString": value, "VersionStages": [PENDING]});
        let mut secrets = self.secrets.0.lock().unwrap();
        secrets.get_mut(name).expect("a secret").put(name, &input).expect("a version without a value");
    }

    /// The current text of the secret with that name, without a call.
    pub fn current(&self, name: &str) -> Option<String> {
        self.at_stage(name, CURRENT)
    }

    /// The text of the version with that label, without a call; `None` where it has no value.
    pub fn at_stage(&self, name: &str, stage: &str) -> Option<String> {
        let secrets = self.secrets.0.lock().unwrap();
        let version = secrets.get(name)?.at_stage(stage)?;
        Some(secrets[name].versions[&version].value.get("SecretString")?.as_str()?.to_owned())
    }

    /// The labels of the versions that have one, without a call.
    pub fn stages(&self, name: &str) -> BTreeMap<String, BTreeSet<String>> {
        let secrets = self.secrets.0.lock().unwrap();
        secrets.get(name).map(Secret::labelled).unwrap_or_default()
    }

    /// The rotation tokens that values of the secret were put with, in order.
    pub fn rotation_tokens(&self, name: &str) -> Vec<String> {
        let secrets = self.secrets.0.lock().unwrap();
        secrets.get(name).map(|secret| secret.rotation.tokens.clone()).unwrap_or_default()
    }

    /// Says when a secret changed and rotated last, without a call.
    pub fn changed_at(&self, name: &str, changed: Timestamp, rotated: Option<Timestamp>) {
        let mut secrets = self.secrets.0.lock().unwrap();
        let secret = secrets.get_mut(name).expect("a secret");
        secret.dates = (json!(changed.as_second()), json!(rotated.map(Timestamp::as_second)));
    }

    /// Every text that any version of any secret has.
    pub fn values(&self) -> Vec<String> {
        let secrets = self.secrets.0.lock().unwrap();
        let versions = secrets.values().flat_map(|secret| secret.versions.values());
        versions.filter_map(|version| version.value.get("SecretString")?.as_str().map(str::to_owned)).collect()
    }
}

/// The secrets by name.
#[derive(Debug, Default)]
struct Secrets(Mutex<BTreeMap<String, Secret>>);

#[derive(Clone, Debug)]
struct Secret {
    arn: String,
    description: Value,
    kms_key_id: Value,
    tags: Value,
    /// The regions that it is replicated to; null where there are none.
    replicas: Value,
    rotation: Rotation,
    /// Of the last change and of the last rotation, where a test said.
    dates: (Value, Value),
    versions: BTreeMap<String, Version>,
}

/// How a secret rotates: what it was told, in Secrets Manager's own words; null where it never was.
#[derive(Clone, Debug, Default)]
struct Rotation {
    enabled: Value,
    function: Value,
    rules: Value,
    /// What values were put with.
    tokens: Vec<String>,
}

#[derive(Clone, Debug)]
struct Version {
    /// `SecretString` or `SecretBinary`; nothing where a rotation was started and has not made it yet.
    value: Map<String, Value>,
    stages: BTreeSet<String>,
}

impl Service for Secrets {
    const PROTOCOL: Protocol = Protocol::Json;

    fn call(&self, action: &str, input: &Value) -> Result<Value, Refused> {
        match action {
            "CreateSecret" => self.create(input),
            "GetSecretValue" => self.with(input, |name, secret| secret.get(name, input)),
            "PutSecretValue" => self.with(input, |name, secret| secret.put(name, input)),
            "DescribeSecret" => self.with(input, |name, secret| Ok(secret.describe(name))),
            "RotateSecret" => self.with(input, |name, secret| secret.rotate(name, input)),
            "CancelRotateSecret" => self.with(input, |name, secret| Ok(secret.cancel(name))),
            "UpdateSecretVersionStage" => self.with(input, |name, secret| secret.move_stage(name, input)),
            _ => unknown(action),
        }
    }
}

impl Secrets {
    fn create(&self, input: &Value) -> Result<Value, Refused> {
        let name = text(input, "Name")?;
        let mut secrets = self.0.lock().unwrap();
        if let Some(secret) = secrets.get(name) {
            let token = text(input, "ClientRequestToken")?;
            return match secret.versions.get(token) {
                // The same request once more, its first answer lost.
                Some(version) if version.value == value(input) => Ok(secret.answer(name, token)),
                _ => Err(exists(name)),
            };
        }
        let mut secret = Secret {
            arn: format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}-Ab12Cd"),
            description: input["Description"].clone(),
            kms_key_id: input["KmsKeyId"].clone(),
            tags: input["Tags"].clone(),
            replicas: input["AddReplicaRegions"].clone(),
            rotation: Rotation::default(),
            dates: (Value::Null, Value::Null),
            versions: BTreeMap::new(),
        };
        let answer =
            if value(input).is_empty() { json!({"ARN": secret.arn, "Name": name}) } else { secret.put(name, input)? };
        secrets.insert(name.to_owned(), secret);
        Ok(answer)
    }

    /// Acts on the secret that the input names, by name or ARN.
    fn with(
        &self,
        input: &Value,
        act: impl FnOnce(&str, &mut Secret) -> Result<Value, Refused>,
    ) -> Result<Value, Refused> {
        let id = text(input, "SecretId")?;
        let mut secrets = self.0.lock().unwrap();
        let found = secrets.iter_mut().find(|(name, secret)| *name == id || secret.arn == id);
        let (name, secret) = found.ok_or_else(|| not_found("the specified secret"))?;
        act(name, secret)
    }
}

impl Secret {
    fn at_stage(&self, stage: &str) -> Option<String> {
        let mut versions = self.versions.iter();
        versions.find(|(_, version)| version.stages.contains(stage)).map(|(id, _)| id.clone())
    }

    /// Takes a label from the version that has it and gives it to another; what was current becomes previous.
    fn set_stage(&mut self, stage: &str, version: &str) {
        let before = self.at_stage(stage);
        if before.as_deref() == Some(version) {
            return;
        }
        for other in self.versions.values_mut() {
            other.stages.remove(stage);
        }
        if let Some(version) = self.versions.get_mut(version) {
            version.stages.insert(stage.to_owned());
        }
        if let (CURRENT, Some(before)) = (stage, before) {
            self.set_stage(PREVIOUS, &before);
        }
    }

    fn get(&self, name: &str, input: &Value) -> Result<Value, Refused> {
        let (id, stage) = (input["VersionId"].as_str(), input["VersionStage"].as_str());
        let stage = stage.or(if id.is_none() { Some(CURRENT) } else { None });
        let found = self.versions.iter().find(|(version_id, version)| {
            id.is_none_or(|id| id == *version_id) && stage.is_none_or(|stage| version.stages.contains(stage))
        });
        let found = found.filter(|(_, version)| !version.value.is_empty());
        let (version_id, version) = found.ok_or_else(|| not_found("the specified secret value"))?;
        let mut answer = self.answer(name, version_id);
        answer.as_object_mut().unwrap().extend(version.value.clone());
        Ok(answer)
    }

    fn put(&mut self, name: &str, input: &Value) -> Result<Value, Refused> {
        let id = text(input, "ClientRequestToken")?;
        let value = value(input);
        if value.is_empty() {
            return Err(Refused::new("InvalidParameterException", "You must provide a SecretString or SecretBinary"));
        }
        if let Some(version) = self.versions.get(id).filter(|version| !version.value.is_empty()) {
            return if version.value == value { Ok(self.answer(name, id)) } else { Err(exists(id)) };
        }
        let mut stages: BTreeSet<String> = match input["VersionStages"].as_array() {
            Some(stages) => stages.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            None => BTreeSet::from([CURRENT.to_owned()]),
        };
        if self.versions.is_empty() {
            stages.insert(CURRENT.to_owned());
        }
        self.rotation.tokens.extend(input["RotationToken"].as_str().map(str::to_owned));
        // A version that a rotation was started with keeps its labels.
        let version = self.versions.entry(id.to_owned());
        version.or_insert(Version { value: Map::new(), stages: BTreeSet::new() }).value = value;
        for stage in stages {
            self.set_stage(&stage, id);
        }
        Ok(self.answer(name, id))
    }

    /// Starts a rotation, or only says how to rotate. Nobody is called: a test plays the steps.
    fn rotate(&mut self, name: &str, input: &Value) -> Result<Value, Refused> {
        let invalid = |why: &str| Err(Refused::new("InvalidRequestException", why));
        let (current, pending) = (self.at_stage(CURRENT), self.at_stage(PENDING));
        if pending.is_some() && pending != current {
            return invalid("A previous rotation isn't complete. That rotation will be reattempted.");
        }
        if input["RotationLambdaARN"].is_null() && self.rotation.function.is_null() {
            return invalid("No Lambda rotation function ARN is associated with this secret.");
        }
        for (told, held) in [
            (&input["RotationLambdaARN"], &mut self.rotation.function),
            (&input["RotationRules"], &mut self.rotation.rules),
        ] {
            if !told.is_null() {
                *held = told.clone();
            }
        }
        self.rotation.enabled = Value::Bool(true);
        if input["RotateImmediately"] == false {
            // The pending version of the test is gone by the time that anybody could look.
            return Ok(json!({"ARN": self.arn, "Name": name}));
        }
        let id = text(input, "ClientRequestToken")?;
        if self.versions.contains_key(id) {
            return Err(exists(id));
        }
        self.versions.insert(id.to_owned(), Version { value: Map::new(), stages: BTreeSet::new() });
        self.set_stage(PENDING, id);
        Ok(json!({"ARN": self.arn, "Name": name, "VersionId": id}))
    }

    /// Ends rotation. A pending version keeps its label.
    fn cancel(&mut self, name: &str) -> Value {
        self.rotation.enabled = Value::Bool(false);
        json!({"ARN": self.arn, "Name": name, "VersionId": self.at_stage(PENDING)})
    }

    fn move_stage(&mut self, name: &str, input: &Value) -> Result<Value, Refused> {
        let invalid = |why: &str| Err(Refused::new("InvalidParameterException", why));
        let stage = text(input, "VersionStage")?;
        let (from, to) = (input["RemoveFromVersionId"].as_str(), input["MoveToVersionId"].as_str());
        let holder = self.at_stage(stage);
        if to.is_some_and(|to| !self.versions.contains_key(to)) {
            return Err(not_found("the specified secret version"));
        }
        if from.is_some() && from != holder.as_deref() {
            return invalid("the staging label is not attached to RemoveFromVersionId");
        }
        if from.is_none() && holder.is_some() && holder.as_deref() != to {
            return invalid("the staging label is attached to another version: RemoveFromVersionId must name it");
        }
        match (from, to) {
            (_, Some(to)) => self.set_stage(stage, to),
            (Some(_), None) if stage == CURRENT => return invalid("AWSCURRENT can only be moved"),
            (Some(from), None) => {
                self.versions.get_mut(from).unwrap().stages.remove(stage);
            }
            (None, None) => return invalid("neither MoveToVersionId nor RemoveFromVersionId"),
        }
        Ok(json!({"ARN": self.arn, "Name": name}))
    }

    fn describe(&self, name: &str) -> Value {
        let Rotation { enabled, function, rules, .. } = &self.rotation;
        json!({
            "ARN": self.arn, "Name": name, "Description": self.description, "KmsKeyId": self.kms_key_id,
            "Tags": self.tags, "VersionIdsToStages": self.labelled(),
            "ReplicationStatus": self.replicas, "RotationEnabled": enabled, "RotationLambdaARN": function, "RotationRules": rules,
            "LastChangedDate": self.dates.0, "LastRotatedDate": self.dates.1,
        })
    }

    /// A version without a label is on its way out and is not listed.
    fn labelled(&self) -> BTreeMap<String, BTreeSet<String>> {
        let labelled = self.versions.iter().filter(|(_, version)| !version.stages.is_empty());
        labelled.map(|(id, version)| (id.clone(), version.stages.clone())).collect()
    }

    fn answer(&self, name: &str, version_id: &str) -> Value {
        let stages = self.versions.get(version_id).map(|version| &version.stages);
        json!({"ARN": self.arn, "Name": name, "VersionId": version_id, "VersionStages": stages})
    }
}

/// The value in a request, under the name of its kind.
fn value(input: &Value) -> Map<String, Value> {
    let members = ["SecretString", "SecretBinary"].into_iter().filter(|name| !input[*name].is_null());
    members.map(|name| (name.to_owned(), input[name].clone())).collect()
}

fn exists(what: &str) -> Refused {
    Refused::new("ResourceExistsException", format!("{what} already exists"))
}

fn not_found(what: &str) -> Refused {
    Refused::new("ResourceNotFoundException", format!("Secrets Manager can't find {what}."))
}
