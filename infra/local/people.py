"""The made-up people of a local stack, and its first start as on AWS: over HTTP, with nothing but tokens and codes of their own.

One function per call of the API; docs/API.md says what each takes and answers.
"""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from . import deploy, staff, totp
from .console import StepFailed
from .settings import Settings

# By account id, which is the `sub` of their tokens and here the person's id too. In this order: with the second administrator
# the one that the stack starts with is gone.
PEOPLE = {
    "alice": ["admin"],
    "carol": ["security"],
    "erin": ["auditor"],
    "bob": ["admin"],
}
# Answers for the others, and approves whom they bring in. Nobody is their own manager.
MANAGER = "carol"
CLIENT = "demo"
TERMS = {"markup_percentage": "5", "fee_type": "FLAT", "fee_amount": "25"}


def roles(name: str) -> list[str]:
    if name not in PEOPLE:
        raise StepFailed(f"there is no {name} here, only {', '.join(PEOPLE)}")
    return PEOPLE[name]


@dataclass(frozen=True)
class Caller:
    """Somebody with a token, and what the API answers them."""

    base: str
    token: str

    def post(
        self, path: str, body: dict[str, Any] | None = None, code: str = ""
    ) -> dict[str, Any]:
        """Sends JSON, with a code of the second factor where one is given; anything but success ends the step."""
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            **({"X-MFA-TOTP": code} if code else {}),
        }
        request = urllib.request.Request(
            self.base + path, json.dumps(body or {}).encode(), headers, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            raise StepFailed(f"POST {path}: {error.code} {text}") from error

    def sees(self, path: str) -> bool:
        """Whether there is something at this path."""
        headers = {"Authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(self.base + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status == 200
        except urllib.error.HTTPError:
            return False


def key(settings: Settings) -> str:
    """A key for the demo client. Whoever and whatever it takes is there already, or is brought in first."""
    missing = [name for name in PEOPLE if not totp.is_enrolled(settings, name)]
    if missing:
        bootstrap = bootstrap_administrator(settings)
        for name in missing:
            ticket = onboard(bootstrap, name)
            enrol(settings, member(settings, name), name, ticket)
    alice, bob = member(settings, "alice"), member(settings, "bob")
    if not alice.sees(f"/admin/clients/{CLIENT}"):
        approve(bob, create_client(alice))
    return issue_key(alice, totp.code(settings, "alice"))


def member(settings: Settings, name: str) -> Caller:
    """One of the people, with a token of the staff issuer."""
    return Caller(deploy.base_url(settings), staff.token(settings, name, roles(name)))


def bootstrap_administrator(settings: Settings) -> Caller:
    """The administrator that the stack starts with, by `engine token`."""
    code = totp.code(settings, totp.BOOTSTRAP)
    done = deploy.engine(settings, "token", "--totp", code, "--json")
    if done.returncode != 0:
        raise StepFailed(f"engine token:\n{done.stdout}{done.stderr}")
    token = json.loads(done.stdout)["access_token"]
    return Caller(deploy.base_url(settings), token)


def onboard(by: Caller, name: str) -> str:
    """Returns the one-time ticket: what the bootstrap administrator asks for is approved at once."""
    body = {
        "principal_id": name,
        "person_id": name,
        "name": name.capitalize(),
        "manager": MANAGER if name != MANAGER else "alice",
        "roles": roles(name),
        "justification": "first start of a local stack",
    }
    return by.post("/admin/principals", body)["ticket"]


def enrol(settings: Settings, who: Caller, name: str, ticket: str) -> None:
    """The second factor: its secret, and a code that shows that it arrived."""
    path = f"/admin/principals/{name}/totp"
    totp.enrol(settings, name, who.post(path, {"ticket": ticket})["secret"])
    who.post(f"{path}/confirm", {"code": totp.code(settings, name)})


def create_client(by: Caller) -> str:
    """Returns the id of the request by which its terms await a second person."""
    why = {"justification": "first client of a local stack"}
    body = {"client_id": CLIENT, "name": "Demo Fund", **TERMS, **why}
    return by.post("/admin/clients", body)["request_id"]


def approve(by: Caller, request: str) -> None:
    by.post(f"/admin/requests/{request}/approve")


def issue_key(by: Caller, code: str) -> str:
    """Returns the key, which is shown this once."""
    body = {"client_id": CLIENT, "rate_limit": 1000, "expiry_days": 90}
    return by.post("/admin/api-keys", body, code)["api_key"]
