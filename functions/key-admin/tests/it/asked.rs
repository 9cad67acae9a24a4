//! What tests of people start from: requests made and approved through the API.

use serde_json::{Value, json};

use crate::fixture::{Admin, Answer, Someone, Stored};

pub(crate) const PRINCIPALS: &str = "/admin/principals";

/// An account asked for, whose manager is `p-max`.
pub(crate) fn newcomer(person: &str, roles: &[&str]) -> Value {
    json!({
        "principal_id": account(person), "person_id": format!("p-{person}"), "name": "Some Body", "manager": "p-max",
        "roles": roles, "justification": "joins the desk",
    })
}

/// The account of a person in these tests.
pub(crate) fn account(person: &str) -> String {
    format!("{person}@example.com")
}

/// The path of an account's own resource, or of one below it.
pub(crate) fn at(person: &str, rest: &str) -> String {
    format!("{PRINCIPALS}/{}{rest}", account(person))
}

/// The id of the request in an answer.
pub(crate) fn request_id(asked: &Value) -> String {
    asked["request_id"].as_str().expect("a request's id").to_owned()
}

impl Admin {
    /// `<name>@example.com`, who is the person `p-<name>`, with an account and a second factor.
    pub(crate) async fn named(&self, name: &str, roles: &[&'static str]) -> Someone {
        self.person(&account(name), &format!("p-{name}"), roles).await
    }

    /// Asks for something, and answers the request's id.
    pub(crate) async fn ask(&self, by: &Someone, path: &str, body: &Value) -> String {
        request_id(&self.call("POST", path).by(by).body(body).send().await.expect(201))
    }

    /// The one entry of an event that was done, among those that were refused.
    pub(crate) async fn done(&self, event: &str) -> Stored {
        let mut done = self.entries_of(event).await;
        done.retain(|entry| entry.header["outcome"] == "success");
        assert_eq!(done.len(), 1, "{event}");
        done.remove(0)
    }

    pub(crate) async fn approve(&self, by: &Someone, request_id: &str) -> Answer {
        self.call("POST", &format!("/admin/requests/{request_id}/approve")).by(by).body(&json!({})).send().await
    }

    /// Onboarded by approvals of a manager and an administrator; the account and its ticket.
    pub(crate) async fn onboarded(&self, person: &str, roles: &[&'static str]) -> (Someone, String) {
        let maker = self.named("mia", &["admin"]).await;
        let (max, owner) = (self.named("max", &["operations"]).await, self.named("olga", &["admin"]).await);
        let id = self.ask(&maker, PRINCIPALS, &newcomer(person, roles)).await;
        self.approve(&max, &id).await.expect(200);
        let approved = self.approve(&owner, &id).await.expect(200);
        let someone = Someone { id: account(person), person_id: format!("p-{person}"), roles: roles.to_vec() };
        (someone, approved["ticket"].as_str().expect("a ticket").to_owned())
    }

    /// Has a second factor handed out for a ticket and proves it.
    pub(crate) async fn enrol(&self, someone: &Someone, ticket: &str) {
        let path = format!("{PRINCIPALS}/{}/totp", someone.id);
        let issued = self.call("POST", &path).by(someone).body(&json!({ "ticket": ticket })).send().await.expect(201);
        self.enrolled_with(&someone.person_id, issued["secret"].as_str().unwrap());
        let code = json!({ "code": self.code(&someone.person_id) });
        self.call("POST", &format!("{path}/confirm")).by(someone).body(&code).send().await.expect(200);
    }
}
