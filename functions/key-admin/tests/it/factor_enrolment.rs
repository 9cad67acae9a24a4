//! `POST /admin/principals/{principal_id}/totp` and `…/confirm`: how a person comes to a second factor, and nobody else.

use serde_json::json;

use crate::arranged::{KEYS, new_key};
use crate::asked::at;
use crate::fixture::Admin;

#[tokio::test]
async fn a_stolen_token_of_a_person_not_yet_enrolled_cannot_enrol() {
    let admin = Admin::start().await;
    let (dana, ticket) = admin.onboarded("dana", &["operations"]).await;
    let path = at("dana", "/totp");
    let stolen = admin.token_of(&dana);
    admin.call("POST", &path).bearer(&stolen).send().await.problem(403, "step_up_not_enrolled");
    let guessed = admin.call("POST", &path).bearer(&stolen).totp("123456").send().await;
    guessed.problem(403, "step_up_not_enrolled");
    let mut made_up = ticket.clone();
    made_up.replace_range(20..21, if &ticket[20..21] == "a" { "b" } else { "a" });
    for text in ["", "brt_test_", made_up.as_str(), &ticket.replace("brt_", "brc_")] {
        let wrong = admin.call("POST", &path).bearer(&stolen).body(&json!({ "ticket": text })).send().await;
        wrong.problem(403, "step_up_failed");
    }
    let confirm = at("dana", "/totp/confirm");
    let early = admin.call("POST", &confirm).bearer(&stolen).body(&json!({ "code": "123456" })).send().await;
    early.problem(409, "conflict");
    admin.enrol(&dana, &ticket).await;
}

#[tokio::test]
async fn nobody_enrols_for_another_not_even_with_their_ticket() {
    let admin = Admin::start().await;
    let (_, ticket) = admin.onboarded("dana", &["operations"]).await;
    let olga = admin.named("olga", &["admin"]).await;
    let path = at("dana", "/totp");
    let other = admin.call("POST", &path).by(&olga).body(&json!({ "ticket": ticket })).send().await;
    other.problem(403, "not_permitted");
    let own = admin.unenrolled("eve@example.com", "p-eve", &["operations"]).await;
    let foreign = admin.call("POST", &at("eve", "/totp")).by(&own).body(&json!({ "ticket": ticket })).send().await;
    foreign.problem(403, "step_up_failed");
}

#[tokio::test]
async fn the_secret_is_shown_once_and_works_once_it_is_proved() {
    let admin = Admin::with_client().await;
    let (dana, ticket) = admin.onboarded("dana", &["admin"]).await;
    let path = at("dana", "/totp");
    let call = admin.call("POST", &path).by(&dana).idempotency_key("once").body(&json!({ "ticket": ticket }));
    let issued = call.send().await.expect(201);
    let secret = issued["secret"].as_str().unwrap();
    let uri = issued["otpauth_uri"].as_str().unwrap();
    assert!(uri.starts_with("otpauth://totp/Borrow%20Rate%20Engine%20%28test%29:dana%40example.com?secret="), "{uri}");
    assert!(uri.contains(secret));
    let again = call.send().await.expect(201);
    assert_eq!((&again["secret"], &again["code"]), (&json!(null), &"already_issued".into()));
    let used = admin.call("POST", &path).by(&dana).body(&json!({ "ticket": ticket })).send().await;
    used.problem(403, "step_up_failed");

    admin.enrolled_with("p-dana", secret);
    let create = |code: &str| admin.call("POST", KEYS).by(&dana).totp(code).body(&new_key());
    let unproved = create(&admin.code_at("p-dana", 0)).send().await;
    unproved.problem(403, "step_up_not_enrolled");
    let confirm = at("dana", "/totp/confirm");
    let wrong = format!("{:06}", (admin.code_at("p-dana", 0).parse::<u32>().unwrap() + 1) % 1_000_000);
    let refused = admin.call("POST", &confirm).by(&dana).body(&json!({ "code": wrong })).send().await;
    refused.problem(403, "step_up_failed");
    let code = json!({ "code": admin.code("p-dana") });
    let enrolled = admin.call("POST", &confirm).by(&dana).body(&code).send().await.expect(200);
    assert_eq!(enrolled["state"], "ENROLLED");
    create(&admin.code("p-dana")).send().await.expect(201);
    for text in [secret, ticket.as_str()] {
        admin.assert_nowhere(text).await;
    }
}

#[tokio::test]
async fn guessing_the_first_code_is_counted_and_locked_as_any_other() {
    let admin = Admin::start().await;
    let (dana, ticket) = admin.onboarded("dana", &["operations"]).await;
    let issue = admin.call("POST", &at("dana", "/totp")).by(&dana).body(&json!({ "ticket": ticket }));
    let secret = issue.send().await.expect(201)["secret"].as_str().unwrap().to_owned();
    admin.enrolled_with("p-dana", &secret);
    let confirm = at("dana", "/totp/confirm");
    let right: Vec<_> = (-1..=1).map(|step| admin.code_at("p-dana", step)).collect();
    let wrong = (0..10).map(|number| format!("{number:06}")).filter(|code| !right.contains(code)).take(5);
    for code in wrong {
        let refused = admin.call("POST", &confirm).by(&dana).body(&json!({ "code": code })).send().await;
        refused.problem(403, "step_up_failed");
    }
    let locked = admin.call("POST", &confirm).by(&dana).body(&json!({ "code": admin.code("p-dana") })).send().await;
    locked.problem(429, "step_up_locked");
}

#[tokio::test]
async fn a_ticket_used_twice_at_once_gives_one_secret() {
    let admin = Admin::start().await;
    let (dana, ticket) = admin.onboarded("dana", &["operations"]).await;
    let call = admin.call("POST", &at("dana", "/totp")).by(&dana).body(&json!({ "ticket": ticket }));
    let (first, second) = tokio::join!(call.send(), call.send());
    let done = [&first, &second].into_iter().filter(|answer| answer.status == 201).count();
    assert_eq!(done, 1, "{first:?} {second:?}");
    assert_eq!(admin.entries_of("factor.issue").await.iter().filter(|e| e.header["outcome"] == "success").count(), 1);
}

#[tokio::test]
async fn a_ticket_is_good_for_72_hours() {
    let admin = Admin::start().await;
    let (dana, ticket) = admin.onboarded("dana", &["operations"]).await;
    admin.clock.advance(jiff::SignedDuration::from_hours(72));
    let late = admin.call("POST", &at("dana", "/totp")).by(&dana).body(&json!({ "ticket": ticket })).send().await;
    late.problem(403, "step_up_failed");
}

#[tokio::test]
async fn the_old_factor_lets_its_person_have_a_new_one_and_works_until_that_is_proved() {
    let admin = Admin::with_client().await;
    let dana = admin.named("dana", &["admin"]).await;
    let path = at("dana", "/totp");
    admin.call("POST", &path).by(&dana).send().await.problem(403, "step_up_required");
    let code = admin.code("p-dana");
    let issued = admin.call("POST", &path).by(&dana).totp(&code).send().await.expect(201);
    let replayed = admin.call("POST", &path).by(&dana).totp(&code).send().await;
    replayed.problem(403, "step_up_failed");
    admin.call("POST", KEYS).stepped_up(&dana).body(&new_key()).send().await.expect(201);
    let old = admin.code("p-dana");
    admin.enrolled_with("p-dana", issued["secret"].as_str().unwrap());
    admin.clock.advance(jiff::SignedDuration::from_mins(5));
    let code = json!({ "code": admin.code("p-dana") });
    admin.call("POST", &at("dana", "/totp/confirm")).by(&dana).body(&code).send().await.expect(200);
    let ended = admin.call("POST", KEYS).by(&dana).totp(&old).body(&new_key()).send().await;
    ended.problem(403, "step_up_failed");
    admin.call("POST", KEYS).stepped_up(&dana).body(&new_key()).send().await.expect(201);
}

#[tokio::test]
async fn re_enrolment_without_the_old_factor_needs_two_other_people() {
    let admin = Admin::start().await;
    let dana = admin.named("dana", &["admin", "security"]).await;
    let second = admin.person("dana.second@example.com", "p-dana", &["admin", "security"]).await;
    let owner = admin.named("olga", &["admin", "security"]).await;
    let officer = admin.named("sam", &["security"]).await;
    let body = json!({ "justification": "the phone is lost" });
    let id = admin.ask(&dana, &at("dana", "/re-enrolment"), &body).await;
    for someone in [&dana, &second] {
        admin.approve(someone, &id).await.problem(403, "approval_not_allowed");
    }
    assert!(admin.approve(&owner, &id).await.expect(200).get("ticket").is_none());
    admin.approve(&owner, &id).await.problem(403, "approval_not_allowed");
    let approved = admin.approve(&officer, &id).await.expect(200);
    let old = admin.call("POST", &at("dana", "/totp")).stepped_up(&dana).send().await;
    old.problem(403, "step_up_not_enrolled");
    admin.clock.advance(jiff::SignedDuration::from_mins(5));
    admin.enrol(&dana, approved["ticket"].as_str().unwrap()).await;
}
