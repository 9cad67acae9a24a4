"""Who is let in, as seen from outside: through API Gateway, on a warm process."""

import json

import pytest
from conftest import HANDLED

RATE = "/api/v1/rates/AAPL"


@pytest.fixture
def fresh_key(engine):
    """Issues a key with the operator's credentials: {"key_id", "api_key", "expires_at"}."""

    def issue(*more: str) -> dict[str, str]:
        made = engine(
            "break-glass",
            "keys",
            "create",
            "--client-id",
            "demo",
            "--rate-limit",
            "60",
            "--expiry-days",
            "1",
            *more,
            "--json",
        )
        assert made.returncode == 0, made.stderr
        key = json.loads(made.stdout)
        issued.append(key["key_id"])
        HANDLED.add(key["api_key"])
        return key

    issued: list[str] = []
    yield issue
    for key_id in issued:
        engine("break-glass", "keys", "revoke", key_id, "--reason", "end of test")


def test_a_revoked_key_is_refused_on_the_very_next_request(api, engine, fresh_key):
    key = fresh_key()
    assert api.get(RATE, key=key["api_key"]).status_code == 200
    assert (
        engine(
            "break-glass", "keys", "revoke", key["key_id"], "--reason", "test"
        ).returncode
        == 0
    )
    refused = api.get(RATE, key=key["api_key"])
    assert refused.status_code == 401
    assert refused.json()["code"] == "key_revoked"


def test_every_unproven_key_gets_the_same_answer(api, fresh_key):
    good = fresh_key()["api_key"]
    attempts = {
        "none": None,
        "empty": "",
        "malformed": "not-a-key",
        "checksum": good[:-1] + ("0" if good[-1] != "0" else "1"),
        "other environment": good.replace("bre_local_", "bre_live_"),
    }
    bodies = set()
    for key in attempts.values():
        answer = api(
            "GET", RATE, key=None, headers={} if key is None else {"X-API-Key": key}
        )
        assert answer.status_code == 401
        body = answer.json()
        body.pop("request_id")
        body.pop("instance")
        bodies.add(json.dumps(body, sort_keys=True))
    assert len(bodies) == 1


def test_a_ticker_that_the_key_may_not_see_is_like_one_that_does_not_exist(
    api, fresh_key
):
    key = fresh_key("--tickers", "AAPL")["api_key"]
    assert api.get(RATE, key=key).status_code == 200
    hidden, unknown = (
        api.get(f"/api/v1/rates/{ticker}", key=key) for ticker in ("GME", "NOSUCH")
    )
    assert hidden.status_code == unknown.status_code == 404
    assert hidden.json()["detail"] == unknown.json()["detail"]


def test_the_limit_is_told_and_kept(api, fresh_key):
    key = fresh_key()["api_key"]
    first = api.get(RATE, key=key)
    assert first.headers["RateLimit-Policy"] == '"key";q=60;w=60'
    codes = [api.get(RATE, key=key).status_code for _ in range(75)]
    assert 429 in codes
    refused = api.get(RATE, key=key)
    if refused.status_code == 429:
        assert int(refused.headers["Retry-After"]) >= 1
        assert refused.json()["code"] == "rate_limited"
