"""API keys through the admin API, on the deployed stack: the two calls of the operating procedure, a code that works once, rotation."""

import json
import subprocess
import uuid
from typing import Any

import pytest
from conftest import HANDLED, Desk, Member, done, somewhere

RATE = "/api/v1/rates/AAPL"


@pytest.fixture(scope="module")
def client(desk: Desk) -> str:
    return desk.client()


def new_key(by: Member, client: str, **more: Any) -> dict[str, Any]:
    body = {"client_id": client, "rate_limit": 60, "expiry_days": 90, **more}
    made = done(by("POST", "/admin/api-keys", body, code=by.code()), 201)
    HANDLED.add(made["api_key"])
    return made


def curl(*arguments: str) -> Any:
    command = ["curl", "-sS", "-H", f"X-Forwarded-For: {somewhere()}", *arguments]
    answered = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(answered.stdout)


def test_the_two_curl_calls_of_the_procedure_create_and_revoke_a_key(
    api: Any, desk: Desk, client: str, stack: dict[str, str]
) -> None:
    admin = desk.member("admin")
    keys = f"{stack['BASE_URL']}/admin/api-keys"
    token = ["-H", f"Authorization: Bearer {admin.token()}"]
    body = f'{{"client_id": "{client}", "rate_limit": 60, "expiry_days": 90}}'
    code = ["-H", f"X-MFA-TOTP: {admin.code()}"]
    as_json = ["-H", "Content-Type: application/json"]
    made = curl("-X", "POST", *token, *code, *as_json, "-d", body, keys)
    HANDLED.add(made["api_key"])
    assert set(made) == {"key_id", "api_key"}, "the key apart from its metadata"
    assert api.get(RATE, key=made["api_key"]).status_code == 200
    ended = curl("-X", "DELETE", *token, f"{keys}/{made['key_id']}")
    assert ended["state"] == "REVOKED"
    refused = api.get(RATE, key=made["api_key"])
    assert (refused.status_code, refused.json()["code"]) == (401, "key_revoked")


def test_a_code_works_once_and_for_nothing_else(desk: Desk, client: str) -> None:
    admin = desk.member("admin")
    body = {"client_id": client, "rate_limit": 60, "expiry_days": 1}
    code = admin.code()
    made = done(admin("POST", "/admin/api-keys", body, code=code), 201)
    HANDLED.add(made["api_key"])
    again = admin("POST", "/admin/api-keys", body, code=code)
    rotate = f"/admin/api-keys/{made['key_id']}/emergency-rotate"
    elsewhere = admin("POST", rotate, {"reason": "a test"}, code=code)
    for answer in (again, elsewhere):
        assert (answer.status_code, answer.json()["code"]) == (403, "step_up_failed")
    missing = admin("POST", "/admin/api-keys", body)
    assert missing.json()["code"] == "step_up_required"


def test_a_repeated_request_makes_one_key_and_shows_it_once(
    desk: Desk, client: str
) -> None:
    admin = desk.member("admin")
    body = {"client_id": client, "rate_limit": 60, "expiry_days": 1}
    once = {"Idempotency-Key": str(uuid.uuid4())}
    first = admin("POST", "/admin/api-keys", body, code=admin.code(), headers=once)
    made = done(first, 201)
    HANDLED.add(made["api_key"])
    again = done(admin("POST", "/admin/api-keys", body, headers=once), 201)
    assert again == {
        "key_id": made["key_id"],
        "api_key": None,
        "code": "already_issued",
    }
    other = admin("POST", "/admin/api-keys", {**body, "rate_limit": 300}, headers=once)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


def test_a_successor_is_collected_by_its_predecessor_and_both_work_until_its_end(
    api: Any, desk: Desk, mailbox: Any
) -> None:
    admin, client = desk.member("admin"), desk.client()
    address = f"ops@{client}.example"
    contacts = f"/admin/clients/{client}/contacts"
    # A person has three codes at hand in half a minute: this one's are needed below.
    other = desk.member("admin")
    contact = {"name": "Ops", "email": address}
    made = done(other("POST", contacts, contact, code=other.code()), 201)
    code = code_in(mailbox.next("contact.verification", address))
    done(admin("POST", f"{contacts}/{made['contact_id']}/verify", {"code": code}), 200)
    old = new_key(admin, client)
    rotate = f"/admin/api-keys/{old['key_id']}/rotate"
    done(admin("POST", rotate, {"reason": "quarterly"}, code=admin.code()), 200)

    new = done(api.post("/api/v1/keys/claim", {}, key=old["api_key"]), 201)
    HANDLED.add(new["api_key"])
    freeze = code_in(mailbox.next("key.claimed", address))
    early = api.get(RATE, key=new["api_key"])
    assert (early.status_code, early.json()["code"]) == (401, "key_not_confirmed")
    done(api.post("/api/v1/keys/confirm", {}, key=new["api_key"]), 200)
    for key in (old, new):
        assert api.get(RATE, key=key["api_key"]).status_code == 200
    shown = done(admin("GET", f"/admin/api-keys/{new['key_id']}"), 200)
    assert shown["claimed_at"] and shown["confirmed_at"]

    frozen = api.post("/api/v1/keys/freeze", {"freeze_code": freeze}, key=None)
    assert frozen.status_code == 200, frozen.text
    stopped = api.get(RATE, key=new["api_key"])
    assert (stopped.status_code, stopped.json()["code"]) == (401, "key_frozen")


def code_in(notice: dict[str, Any]) -> str:
    """The one-time code in a notice's text."""
    found = [word for word in notice["text"].split() if word.startswith("br")]
    assert len(found) == 1, notice["subject"]
    code = found[0].rstrip(".")
    HANDLED.add(code)
    return code


def test_a_client_that_is_terminated_has_no_key_left(api: Any, desk: Desk) -> None:
    admin, client = desk.member("admin"), desk.client()
    key = new_key(admin, client)
    path = f"/admin/clients/{client}/terminate"
    why = {"reason": "the relationship ended"}
    assert admin("POST", path, why).json()["code"] == "step_up_required"
    done(admin("POST", path, why, code=admin.code()), 200)
    refused = api.get(RATE, key=key["api_key"])
    assert (refused.status_code, refused.json()["code"]) == (401, "key_revoked")
    body = {"client_id": client, "rate_limit": 60, "expiry_days": 1}
    other = desk.member("admin")
    again = other("POST", "/admin/api-keys", body, code=other.code())
    assert again.status_code == 409
