"""People and service accounts on the deployed stack: two people, no way round them, and an end that takes effect at once."""

import json
from typing import Any

import pytest
import requests
from conftest import HANDLED, Desk, Member, done, somewhere

KEYS = "/admin/api-keys"


@pytest.mark.parametrize(
    "listed",
    [
        "api-keys",
        "clients",
        "principals",
        "requests",
        "service-accounts",
        "roles",
        "access-review",
    ],
)
def test_an_administrator_lists_everything(listed: str, desk: Desk) -> None:
    desk.client()
    body = done(desk.alice("GET", f"/admin/{listed}"), 200)
    assert set(body) == {"items", "next_cursor"}


def test_who_asks_cannot_approve_nor_through_a_second_account(desk: Desk) -> None:
    second = desk.request("alice-too", ["admin"], person="alice")
    desk.approve(second["request_id"], desk.carol, desk.bob)
    asked = desk.request("newcomer", ["operations"])
    path = f"/admin/requests/{asked['request_id']}/approve"
    too = Member(desk._base, "alice-too", ["admin"])
    for maker in (desk.alice, too):
        refused = maker("POST", path, {})
        assert (refused.status_code, refused.json()["code"]) == (
            403,
            "approval_not_allowed",
        )
    halfway = desk.approve(asked["request_id"], desk.carol)
    assert halfway["missing"] == ["system_owner"]
    again = desk.carol("POST", path, {})
    assert again.status_code == 403, "one person twice"


def test_a_stolen_token_of_somebody_not_enrolled_enrols_nothing(desk: Desk) -> None:
    member = desk.member("operations", enrolled=False)
    thief = member("POST", f"/admin/principals/{member.name}/totp", {})
    assert thief.status_code in (400, 403), thief.text
    forged = {"ticket": f"brt_local_{'0' * 12}_{'0' * 49}"}
    refused = member("POST", f"/admin/principals/{member.name}/totp", forged)
    assert refused.status_code in (400, 403), refused.text


def test_what_is_taken_away_is_gone_with_the_next_request(desk: Desk) -> None:
    member = desk.member("operations", "security")
    token = member.token()
    assert member("GET", "/admin/principals", token=token).status_code == 200
    role = f"/admin/principals/{member.name}/roles/security"
    done(desk.alice("DELETE", role, params={"reason": "moved"}), 200)
    assert member("GET", "/admin/principals", token=token).status_code == 403
    assert member("GET", KEYS, token=token).status_code == 200, "what is left"
    ended = f"/admin/principals/{member.name}/disable"
    done(desk.alice("POST", ended, {"reason": "left the company"}), 200)
    assert member("GET", KEYS, token=token).status_code == 401


def test_the_bootstrap_path_is_dead_once_two_administer(engine: Any) -> None:
    refused = engine("token", "--totp", "000000", "--json")
    assert refused.returncode == 1
    assert "bootstrap_closed" in refused.stderr + refused.stdout


def test_the_access_review_shows_everybody_and_who_was_not_reviewed(
    desk: Desk,
) -> None:
    auditor = desk.member("auditor")
    rows, cursor = [], None
    while True:
        page = {"limit": 100, **({"cursor": cursor} if cursor else {})}
        body = done(auditor("GET", "/admin/access-review", params=page), 200)
        rows += body["items"]
        cursor = body["next_cursor"]
        if not cursor:
            break
    mine = next(row for row in rows if row["principal_id"] == auditor.name)
    assert mine["roles"] == ["auditor"]
    assert mine["created_at"] and mine["permissions"]
    refused = auditor(
        "POST", f"/admin/access-review/{auditor.name}", {"decision": "keep"}
    )
    assert refused.status_code == 403, "an auditor decides nothing"


def test_a_service_account_gets_its_tokens_from_its_secret_alone(
    desk: Desk, operator: Any, stack: dict[str, str]
) -> None:
    name = "svc-suite-reader"
    body = {
        "name": name,
        "purpose": "reads key metadata in a test",
        "scopes": ["keys:read"],
        "owner": "alice",
        "justification": "brought in by a test",
    }
    asked = done(desk.alice("POST", "/admin/service-accounts", body), 201)
    approved = desk.approve(asked["request_id"], desk.carol)
    assert "client_secret" not in json.dumps(approved)
    secret = operator("secretsmanager").get_secret_value(
        SecretId=f"{stack['ENGINE_STACK']}/service-accounts/{name}"
    )["SecretString"]
    credential = json.loads(secret)
    HANDLED.add(credential["client_secret"])
    login = (credential["client_id"], credential["client_secret"])

    def ask(auth: tuple[str, str], **form: str) -> requests.Response:
        return requests.post(
            stack["TOKEN_URL"],
            auth=auth,
            data=form,
            headers={"X-Forwarded-For": somewhere()},
            timeout=60,
        )

    granted = done(ask(login, grant_type="client_credentials"), 200)
    HANDLED.add(granted["access_token"])
    assert (granted["token_type"], granted["expires_in"]) == ("Bearer", 900)
    service = Member(stack["BASE_URL"], name, [])
    token = granted["access_token"]
    assert service("GET", KEYS, token=token).status_code == 200
    assert service("GET", "/admin/clients", token=token).status_code == 403
    wrong = ask((name, login[1][:-1] + "0"), grant_type="client_credentials")
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    other = ask(login, grant_type="password")
    assert (other.status_code, other.json()["error"]) == (400, "unsupported_grant_type")
    more = ask(login, grant_type="client_credentials", scope="keys:write")
    assert (more.status_code, more.json()["error"]) == (400, "invalid_scope")
    done(
        desk.carol(
            "POST", f"/admin/service-accounts/{name}/disable", {"reason": "end of test"}
        ),
        200,
    )
    assert service("GET", KEYS, token=token).status_code == 401, "at once"


def test_staff_read_rates_by_token_and_nobody_calculates_by_it(desk: Desk) -> None:
    auditor = desk.member("auditor")
    assert auditor("GET", "/api/v1/rates/AAPL").status_code == 200
    assert auditor("GET", "/api/v1/rates", params={"limit": 1}).status_code == 200
    position = {"ticker": "AAPL", "position_value": "1", "loan_days": 1}
    assert auditor("POST", "/api/v1/calculate-locate", position).status_code == 401
    security = desk.member("security")
    assert security("GET", "/api/v1/rates/AAPL").status_code == 403
