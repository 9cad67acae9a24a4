"""Credentials that leaked end at once: revoked first, all of them, then succeeded, told of and recorded."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from conftest import HANDLED, Desk, Member, done
from lifecycle import Heard, contact, entries, service_account, token
from test_admin_keys import code_in, new_key
from test_credential_sweep import engine_as

RATE = "/api/v1/rates/AAPL"
PATH = "/admin/rotations"
REASON = "the suite says that it leaked"
PATIENCE_SECONDS = 60


@dataclass
class Case:
    """What was rotated, and the state of its rotation at the end."""

    body: dict[str, Any]
    old: list[dict[str, Any]] = field(default_factory=list)
    client: str = ""
    address: str = ""
    state: dict[str, Any] = field(default_factory=dict)


def wait(member: Member, rotation: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        state = done(member("GET", f"{PATH}/{rotation}"), 200)
        if state["state"] == "DONE":
            return state
        assert time.monotonic() < deadline, state
        time.sleep(0.3)


@pytest.fixture(scope="module")
def admins(desk: Desk) -> Iterator[Member]:
    """Administrators with a code at hand, each for one act or two: a person has three codes in half a minute."""

    def fresh() -> Iterator[Member]:
        while True:
            member = desk.member("admin")
            yield member
            yield member

    return fresh()


@pytest.fixture(scope="module")
def bystander(admins: Iterator[Member], desk: Desk) -> dict[str, Any]:
    """A key that nothing happens to."""
    return new_key(next(admins), desk.client())


@pytest.fixture(scope="module")
def cases(
    admins: Iterator[Member],
    bystander: dict[str, Any],
    desk: Desk,
    mailbox: Any,
    operator: Any,
    stack: dict[str, str],
) -> dict[str, Case]:
    """One key of a client's two, a client with three, a service account; rotated by the security team."""
    cases = {}
    client = desk.client()
    address = contact(next(admins), client, mailbox, code_in)
    key = new_key(next(admins), client)
    body = {"kind": "api_key", "credential": key["key_id"]}
    cases["key"] = Case(body, [key], client, address)
    client = desk.client()
    address = contact(next(admins), client, mailbox, code_in)
    keys = [new_key(next(admins), client) for _ in range(3)]
    body = {"kind": "api_key", "client_id": client}
    cases["client"] = Case(body, keys, client, address)
    name, secret = service_account(desk, operator, stack)
    value = operator("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
    done(token(stack, value), 200)
    body = {"kind": "service_account", "credential": name}
    cases["account"] = Case(body, [{"secret": secret, "value": value}])

    asked = []
    for case in cases.values():
        body = {**case.body, "reason": REASON}
        answer = desk.carol("POST", PATH, body, code=desk.carol.code())
        made = done(answer, 202)
        assert made["state"] == "PENDING"
        assert answer.headers["Location"] == f"{PATH}/{made['rotation_id']}"
        asked.append((case, made["rotation_id"]))
    for case, rotation in asked:
        case.state = wait(desk.carol, rotation)
    return cases


@pytest.mark.parametrize(("of", "keys"), [("key", 1), ("client", 3), ("account", 1)])
def test_its_state_says_what_was_done_in_which_order(
    of: str, keys: int, cases: dict[str, Case]
) -> None:
    state = cases[of].state
    counts = {"clients": 1, "revoked": keys, "issued": keys, "notified": 1}
    assert state["counts"] == counts
    assert (state["requested_by"], state["reason"]) == ("carol", REASON)
    steps = ["requested_at", "started_at", "revoked_at", "issued_at", "completed_at"]
    times = [state[step] for step in steps]
    assert times == sorted(times)
    assert len(state["credentials"]) == keys
    for row in state["credentials"]:
        assert row["revoked_at"] <= state["revoked_at"] <= row["issued_at"]


@pytest.mark.parametrize("of", ["key", "client"])
def test_its_keys_are_refused_and_no_other(
    of: str, api: Any, bystander: dict[str, Any], cases: dict[str, Case]
) -> None:
    for key in cases[of].old:
        refused = api.get(RATE, key=key["api_key"])
        assert (refused.status_code, refused.json()["code"]) == (401, "key_revoked")
    assert api.get(RATE, key=bystander["api_key"]).status_code == 200


@pytest.mark.parametrize(
    ("of", "revoked", "issued"),
    [
        ("key", "api_key.emergency_rotate", "api_key.rotate"),
        ("client", "api_key.emergency_rotate", "api_key.rotate"),
        (
            "account",
            "service_account.credential.revoke",
            "service_account.credential.rotate",
        ),
    ],
)
def test_it_is_recorded_in_the_order_asked_revoked_issued_complete(
    of: str,
    revoked: str,
    issued: str,
    cases: dict[str, Case],
    operator: Any,
    outputs: dict[str, str],
) -> None:
    """By the audit log, whose entries are made in the transactions that they record."""
    rotation = cases[of].state["rotation_id"]
    found = [
        entries(operator, outputs, event, rotation)
        for event in ("rotation.request", revoked, issued, "rotation.complete")
    ]
    assert [len(each) for each in found] == [1, 1, 1, 1]
    assert found == sorted(found)


def test_a_claim_code_collects_the_successor_of_a_key_that_ended(
    admins: Iterator[Member], api: Any, cases: dict[str, Case], mailbox: Any
) -> None:
    (old,), admin = cases["key"].old, next(admins)
    path = f"/admin/api-keys/{old['key_id']}/claim-code"
    code = done(admin("POST", path, {}, code=admin.code()), 201)["claim_code"]
    HANDLED.add(code)
    claim = {"claim_code": code}
    new = done(api.post("/api/v1/keys/claim", claim, key=None), 201)
    HANDLED.add(new["api_key"])
    code_in(mailbox.next("key.claimed", cases["key"].address))
    done(api.post("/api/v1/keys/confirm", {}, key=new["api_key"]), 200)
    assert api.get(RATE, key=new["api_key"]).status_code == 200
    assert api.get(RATE, key=old["api_key"]).status_code == 401


def test_an_accounts_old_secret_is_refused_and_the_new_one_is_in_its_place(
    cases: dict[str, Case], operator: Any, stack: dict[str, str]
) -> None:
    (old,) = cases["account"].old
    refused = token(stack, old["value"])
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    secrets = operator("secretsmanager")
    value = secrets.get_secret_value(SecretId=old["secret"])["SecretString"]
    done(token(stack, value), 200)
    labels = secrets.describe_secret(SecretId=old["secret"])["VersionIdsToStages"]
    assert sum("AWSCURRENT" in each for each in labels.values()) == 1
    assert not any("AWSPENDING" in each for each in labels.values())


def test_whom_it_concerns_is_told_once(cases: dict[str, Case], heard: Heard) -> None:
    for of in ("key", "client"):
        case = cases[of]
        notice, event = heard.wait_for("key.emergency_rotated", case.client)
        assert notice["to"] == [case.address]
        assert case.address not in str(event)
    name = cases["account"].body["credential"]
    notice, _ = heard.wait_for("service_account.emergency_rotated", name)
    assert notice["to"] == [], "the desk's"


@pytest.mark.parametrize("role", ["auditor", "operations"])
def test_who_may_not_is_refused(
    role: str, bystander: dict[str, Any], desk: Desk
) -> None:
    member = desk.member(role)
    body = {"kind": "api_key", "credential": bystander["key_id"], "reason": REASON}
    answer = member("POST", PATH, body, code=member.code())
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")


def test_nothing_is_rotated_without_a_reason_a_target_or_a_code(
    api: Any, bystander: dict[str, Any], desk: Desk
) -> None:
    member = desk.member("security")
    key = {"kind": "api_key", "credential": bystander["key_id"]}
    without = member("POST", PATH, {**key, "reason": REASON})
    assert (without.status_code, without.json()["code"]) == (403, "step_up_required")
    for body in (key, {"kind": "api_key", "reason": REASON}):
        answer = member("POST", PATH, body, code=member.code())
        assert answer.status_code == 400, (body, answer.text)
    assert api.get(RATE, key=bystander["api_key"]).status_code == 200


def test_engine_rotate_asks_waits_and_shows(
    admins: Iterator[Member],
    api: Any,
    desk: Desk,
    stack: dict[str, str],
) -> None:
    key, member = new_key(next(admins), desk.client()), desk.member("security")
    rotate = ["rotate", "key", key["key_id"], "--reason", REASON]
    rotated = engine_as(member, stack, *rotate, "--totp", member.code())
    assert rotated.returncode == 0, rotated.stdout + rotated.stderr
    assert "DONE" in rotated.stdout and key["key_id"] in rotated.stdout
    assert api.get(RATE, key=key["api_key"]).status_code == 401
    rotation = rotated.stderr.split()[1]
    shown = engine_as(member, stack, "rotations", "show", rotation)
    assert shown.returncode == 0 and key["key_id"] in shown.stdout, shown.stderr
    again = engine_as(member, stack, *rotate, "--totp", member.code())
    assert again.returncode == 1, "it has ended already"
