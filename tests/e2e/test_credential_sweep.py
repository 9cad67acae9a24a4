"""What is due of credentials is done and told once, however often the sweep runs; and the register shows all of them."""

import json
import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from conftest import Desk, Member, done
from lifecycle import Heard, contact, entries, service_account
from test_admin_keys import code_in, new_key

from infra.local import build, deploy, settings

# A certificate is of a domain, and the local stack has none.
KINDS = {"api_key", "service_account", "totp", "secret", "signing_key", "kms_key"}


def sweep() -> None:
    deploy.invoke(settings.e2e(), "credential-sweep")


def engine_as(
    member: Member, stack: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """The command line with somebody's token."""
    return subprocess.run(
        [build.ENGINE, *arguments],
        env={
            "PATH": os.environ["PATH"],
            "ENGINE_API_URL": stack["ENGINE_API_URL"],
            "ENGINE_TOKEN": member.token(),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def register(member: Member, **query: str) -> list[dict[str, Any]]:
    """The whole rotation register."""
    rows, cursor = [], None
    while True:
        page = {"limit": 100, **query, **({"cursor": cursor} if cursor else {})}
        body = done(member("GET", "/admin/rotations", params=page), 200)
        rows += body["items"]
        cursor = body["next_cursor"]
        if not cursor:
            return rows


@pytest.fixture(scope="module")
def auditor(desk: Desk) -> Member:
    return desk.member("auditor")


def test_a_key_that_nears_its_end_is_offered_a_successor_once_and_its_client_told_once(
    api: Any, desk: Desk, mailbox: Any, heard: Heard, operator: Any, outputs: Any
) -> None:
    admin, client = desk.member("admin"), desk.client()
    address = contact(admin, client, mailbox, code_in)
    key = new_key(admin, client, expiry_days=10)
    sweep()
    notice, event = heard.wait_for("key.successor_offered", key["key_id"])
    assert notice["to"] == [address]
    assert set(notice) == {"notice_id", "kind", "to", "subject", "text"}
    detail = event["detail"]
    assert event["detail-type"] == "key.successor_offered"
    assert (detail["credential"], detail["client_id"]) == (key["key_id"], client)
    assert address not in json.dumps(event), "whoever reads the bus sees no address"

    sweep()
    sweep()
    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            list(pool.map(lambda _: sweep(), range(2)))
    assert len(entries(operator, outputs, "api_key.rotate", key["key_id"])) == 1
    told = heard.so_far("key.successor_offered", key["key_id"])
    assert [len(each) for each in told] == [1, 1]

    # What was offered can be claimed, and both work until the end of the first.
    new = done(api.post("/api/v1/keys/claim", {}, key=key["api_key"]), 201)
    done(api.post("/api/v1/keys/confirm", {}, key=new["api_key"]), 200)
    for each in (key, new):
        assert api.get("/api/v1/rates/AAPL", key=each["api_key"]).status_code == 200


def test_a_key_with_nothing_due_is_left_alone(
    desk: Desk, heard: Heard, operator: Any, outputs: Any
) -> None:
    key = new_key(desk.member("admin"), desk.client())
    sweep()
    assert heard.so_far("key.successor_offered", key["key_id"]) == ([], [])
    assert entries(operator, outputs, "api_key.rotate", key["key_id"]) == []


def test_a_service_account_is_told_to_rotate_every_30_days_and_told_once(
    desk: Desk, operator: Any, outputs: dict[str, str], stack: dict[str, str]
) -> None:
    _, secret = service_account(desk, operator, stack)
    describe: Callable[[], dict[str, Any]] = lambda: operator(
        "secretsmanager"
    ).describe_secret(SecretId=secret)
    assert not describe()["RotationEnabled"]
    sweep()
    described = describe()
    assert described["RotationEnabled"]
    assert described["RotationLambdaARN"] == outputs["RotationFunctionArn"]
    assert described["RotationRules"]["AutomaticallyAfterDays"] == 30
    sweep()
    assert describe()["VersionIdsToStages"] == described["VersionIdsToStages"]


def test_the_register_shows_every_kind_with_who_when_why_and_when_next(
    auditor: Member, desk: Desk
) -> None:
    key = new_key(desk.member("admin"), desk.client())
    sweep()
    rows = register(auditor)
    assert {row["kind"] for row in rows} == KINDS
    for row in rows:
        assert row["last_rotated_at"] and row["rotated_by"] and row["because"], row
        assert row["overdue"] is False, row
    (mine,) = [row for row in rows if row["credential"] == key["key_id"]]
    assert (mine["kind"], mine["because"]) == ("api_key", "created")
    assert register(auditor, overdue="true") == []
    for kind in KINDS:
        of_kind = register(auditor, kind=kind)
        assert of_kind == [row for row in rows if row["kind"] == kind], kind


def test_engine_rotations_prints_the_calendar(
    auditor: Member, stack: dict[str, str]
) -> None:
    shown = engine_as(auditor, stack, "rotations")
    assert shown.returncode == 0, shown.stderr
    title, *lines = shown.stdout.splitlines()
    assert title.lower().split()[:3] == ["next_due_at", "overdue", "kind"]
    text = "\n".join(lines)
    for kind in KINDS:
        assert kind in text, kind
    as_json = engine_as(auditor, stack, "rotations", "--kind", "secret", "--json")
    rows = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert {row["credential"] for row in rows} == {
        *("bootstrap-totp", "actor-key", "reference-key"),
    }


def test_who_may_not_see_the_register_does_not(desk: Desk, api: Any) -> None:
    nobody = Member(desk._base, "nobody-here", ["auditor"])
    assert nobody("GET", "/admin/rotations").status_code == 401
    assert api.get("/admin/rotations").status_code == 401
