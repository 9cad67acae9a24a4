"""What is no token, on the deployed stack: one answer to all of it."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from conftest import Desk

from infra.local import settings, staff


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_every_forged_token_gets_the_same_401(
    desk: Desk, stack: dict[str, str]
) -> None:
    e2e = settings.e2e()
    now = int(time.time())
    good = {
        "iss": staff.ISSUER,
        "aud": f"borrow-rate-engine:{stack['ENGINE_STACK']}",
        "sub": "alice",
        "iat": now,
        "exp": now + 600,
        "jti": "one",
        "roles": ["admin"],
    }
    public = staff.parameters(e2e)["StaffIssuerKeysDocument"].encode()
    header = {"alg": "HS256", "typ": "JWT", "kid": json.loads(public)["keys"][0]["kid"]}
    signed = f"{part(header)}.{part(good)}"
    mac = hmac.digest(public, signed.encode(), hashlib.sha256)

    def sign(header: dict[str, Any] | None = None, **claims: Any) -> str:
        changed = {**good, **claims}
        return staff.sign(
            e2e, {k: v for k, v in changed.items() if v is not None}, header
        )

    ours = sign(iss="borrow-rate-engine", sub="svc-a-b")
    forged = {
        "not a token": "nonsense",
        "alg none": f"{part({**header, 'alg': 'none'})}.{part(good)}.",
        "signed with the public key": f"{signed}.{part(mac)}",
        "wrong key id": sign({"kid": "another"}),
        "wrong issuer": sign(iss="https://elsewhere.example/"),
        "our issuer, not our key": ours,
        "wrong audience": sign(aud="borrow-rate-engine:other"),
        "no exp": sign(exp=None),
        "no sub": sign(sub=None),
        "no jti": sign(jti=None),
        "expired beyond leeway": sign(iat=now - 700, exp=now - 40),
        "not valid yet": sign(nbf=now + 120),
        "nobody": sign(sub="nobody"),
    }
    member = desk.alice
    assert member("GET", "/admin/roles", token=sign()).status_code == 200
    bodies = set()
    for attack, token in forged.items():
        member.address = f"192.0.2.{len(bodies) + 1 + list(forged).index(attack)}"
        answer = member("GET", "/admin/roles", token=token)
        assert answer.status_code == 401, attack
        body = answer.json()
        assert body.pop("request_id") and body.pop("instance")
        bodies.add(json.dumps(body, sort_keys=True))
    assert len(bodies) == 1, bodies


def test_the_sixth_failure_of_an_address_is_429_and_a_good_token_still_works(
    desk: Desk,
) -> None:
    member = desk.carol
    member.address = "203.0.113.77"
    codes = [
        member("GET", "/admin/roles", token="nonsense").status_code for _ in range(8)
    ]
    assert codes[:5] == [401] * 5
    assert codes[-1] == 429
    assert member("GET", "/admin/roles").status_code == 200
