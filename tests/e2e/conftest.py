"""A stack of the suite's own, and the ways in which tests reach it."""

import itertools
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from infra.local import deploy, people, settings, staff, totp
from infra.local import stack as local_stack

# A quote made before the first test: old enough for evidence when the last ones ask for it.
EARLY: dict[str, Any] = {}


@pytest.fixture(scope="session")
def stack(pytestconfig: pytest.Config) -> Iterator[dict[str, str]]:
    """The deployed stack's env file: BASE_URL, API_URL, API_KEY, ENGINE_STACK, AWS_*.

    It is brought up once and ended after the last test; KEEP_STACK=1 leaves it, and the next run starts in seconds.
    """
    mine = settings.e2e()
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print()
        values = local_stack.up(mine)
    EARLY.update(quote_now(values))
    yield values
    if not os.environ.get("KEEP_STACK"):
        local_stack.down(mine)


def quote_now(stack: dict[str, str]) -> dict[str, Any]:
    api = Api(stack["BASE_URL"], stack["API_KEY"])
    position = {"ticker": "AAPL", "position_value": "100000", "loan_days": 30}
    answer = api.post("/api/v1/calculate-locate", position)
    return {
        "quote_id": done(answer, 200)["quote_id"],
        "request_id": answer.headers["X-Request-Id"],
        "made": datetime.now(UTC),
    }


@pytest.fixture(scope="session")
def early_quote(stack: dict[str, str]) -> dict[str, Any]:
    """Its `quote_id`, `request_id`, and when it was `made`."""
    return EARLY


@pytest.fixture(scope="session")
def operator(stack: dict[str, str]) -> Callable[[str], Any]:
    """AWS clients of the stack's operator, by service name."""
    return lambda service: deploy.client(settings.e2e(), service)


@pytest.fixture(scope="session")
def outputs(stack: dict[str, str]) -> dict[str, str]:
    """The stack's outputs."""
    return deploy.outputs(settings.e2e())


# Every secret that the suite has had in its hands. The last test looks for each of them where it must not be.
HANDLED: set[str] = set()
_addresses = itertools.count(1)


def somewhere() -> str:
    """A source address of its own for each caller: failures are counted by address, and one test's are not another's.

    The emulator takes it from this header. API Gateway does not: it sees where the connection comes from.
    """
    number = next(_addresses)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


class Api:
    """Calls the API with a key; `key=None` sends none."""

    def __init__(self, base: str, key: str) -> None:
        self._base = base
        self._key = key

    def __call__(
        self, method: str, path: str, key: str | None = "", **options: Any
    ) -> requests.Response:
        headers = dict(options.pop("headers", {}))
        headers.setdefault("X-Forwarded-For", somewhere())
        sent = self._key if key == "" else key
        if sent is not None:
            headers.setdefault("X-API-Key", sent)
            HANDLED.add(sent)
        return requests.request(
            method, self._base + path, headers=headers, timeout=60, **options
        )

    def get(self, path: str, **options: Any) -> requests.Response:
        return self("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        return self("POST", path, json=body, **options)


@pytest.fixture(scope="session")
def api(stack: dict[str, str]) -> Api:
    """`api.post("/api/v1/calculate-locate", {…})`, with the demo client's key."""
    return Api(stack["BASE_URL"], stack["API_KEY"])


class Member:
    """Somebody of the staff: a token of the company's issuer, and an authenticator."""

    def __init__(self, base: str, name: str, roles: list[str]) -> None:
        self.name = name
        self.roles = roles
        self._base = base
        self.address = somewhere()

    def token(self, roles: list[str] | None = None, **claims: Any) -> str:
        held = self.roles if roles is None else roles
        token = staff.token(settings.e2e(), self.name, held, **claims)
        HANDLED.add(token)
        return token

    def code(self) -> str:
        """A code that was not used yet; a fourth one within half a minute is waited for."""
        return totp.code(settings.e2e(), self.name)

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        code: str | None = None,
        token: str | None = None,
        **options: Any,
    ) -> requests.Response:
        headers = {
            "Authorization": f"Bearer {token or self.token()}",
            "X-Forwarded-For": self.address,
            **({"X-MFA-TOTP": code} if code else {}),
            **options.pop("headers", {}),
        }
        return requests.request(
            method, self._base + path, headers=headers, json=body, timeout=60, **options
        )

    def enrol(self, ticket: str) -> None:
        HANDLED.add(ticket)
        path = f"/admin/principals/{self.name}/totp"
        issued = done(self("POST", path, {"ticket": ticket}), 201)
        HANDLED.update({issued["secret"], issued["otpauth_uri"]})
        totp.enrol(settings.e2e(), self.name, issued["secret"])
        done(self("POST", f"{path}/confirm", {"code": self.code()}), 200)


def done(answer: requests.Response, status: int) -> dict[str, Any]:
    """The body of an answer that must have this status."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    return answer.json()


class Desk:
    """The people of the stack, and whoever a test brings in beside them by the real way."""

    def __init__(self, base: str) -> None:
        self._base = base
        self.alice, self.bob, self.carol = (
            Member(base, name, people.PEOPLE[name])
            for name in ("alice", "bob", "carol")
        )

    def request(self, name: str, roles: list[str], person: str = "") -> dict[str, Any]:
        """Alice asks for somebody's access; carol is named as the manager."""
        body = {
            "principal_id": name,
            "person_id": person or name,
            "name": f"{name} of the suite",
            "manager": people.MANAGER,
            "roles": roles,
            "justification": "brought in by a test",
        }
        return done(self.alice("POST", "/admin/principals", body), 201)

    def approve(self, request: str, *by: Member) -> dict[str, Any]:
        """Each approves in turn; the last one's answer."""
        path = f"/admin/requests/{request}/approve"
        return [done(member("POST", path, {}), 200) for member in by][-1]

    def member(self, *roles: str, enrolled: bool = True) -> Member:
        """Somebody new with these roles, approved by the manager and a system owner."""
        name = f"{roles[0]}-{uuid.uuid4().hex[:10]}"
        asked = self.request(name, list(roles))
        ticket = self.approve(asked["request_id"], self.carol, self.bob)["ticket"]
        member = Member(self._base, name, list(roles))
        HANDLED.add(ticket)
        if enrolled:
            member.enrol(ticket)
        return member

    def client(self) -> str:
        """A client with terms that two people stand for, and a verified contact. Returns its id."""
        client = f"fund-{uuid.uuid4().hex[:10]}"
        body = {
            "client_id": client,
            "name": "Fund of the suite",
            **people.TERMS,
            "justification": "brought in by a test",
        }
        asked = done(self.alice("POST", "/admin/clients", body), 201)
        self.approve(asked["request_id"], self.bob)
        return client


@pytest.fixture(scope="session")
def desk(stack: dict[str, str]) -> Desk:
    """`desk.member("admin")`, `desk.client()`, `desk.alice("GET", "/admin/api-keys")`."""
    return Desk(stack["BASE_URL"])


class Mailbox:
    """What the notices' topic sends out, as a mailer receives it: an SQS queue that subscribes to it."""

    def __init__(self, operator: Callable[[str], Any], topic: str) -> None:
        self._sqs = operator("sqs")
        self._url = self._sqs.create_queue(QueueName=f"mail-{uuid.uuid4().hex[:8]}")[
            "QueueUrl"
        ]
        asked = self._sqs.get_queue_attributes(
            QueueUrl=self._url, AttributeNames=["QueueArn"]
        )
        arn = asked["Attributes"]["QueueArn"]
        allowed = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }
        policy = {"Version": "2012-10-17", "Statement": [allowed]}
        self._sqs.set_queue_attributes(
            QueueUrl=self._url, Attributes={"Policy": json.dumps(policy)}
        )
        operator("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def next(self, kind: str, to: str) -> dict[str, Any]:
        """The next notice of that kind to that address."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            found = self._sqs.receive_message(QueueUrl=self._url, WaitTimeSeconds=1)
            for message in found.get("Messages", []):
                self._sqs.delete_message(
                    QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"]
                )
                notice = json.loads(json.loads(message["Body"])["Message"])
                if notice["kind"] == kind and to in notice["to"]:
                    return notice
        raise AssertionError(f"no notice {kind} to {to}")


@pytest.fixture(scope="session")
def mailbox(operator: Callable[[str], Any], outputs: dict[str, str]) -> Mailbox:
    """`mailbox.next("key.claimed", "ops@fund.example")`."""
    return Mailbox(operator, outputs["NoticesTopicArn"])


@pytest.fixture(scope="session")
def heard(
    operator: Callable[[str], Any], outputs: dict[str, str], stack: dict[str, str]
) -> Any:
    """`heard.wait_for("key.successor_offered", key_id)`: on the lifecycle topic and on the bus of events."""
    from lifecycle import Heard

    return Heard(operator, outputs["LifecycleTopicArn"], stack["ENGINE_STACK"])


@pytest.fixture(scope="session")
def engine(stack: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`engine("keys", "create", …)`: the operator's command line, on this stack."""
    return lambda *arguments: deploy.engine(settings.e2e(), *arguments)


@pytest.fixture(scope="session")
def as_role(
    operator: Callable[[str], Any], stack: dict[str, str]
) -> Callable[[str], Callable[[str], Any]]:
    """`as_role("PricingFunction")("dynamodb")`: a client with that function's deployed role, and nothing more."""

    def assume(function: str) -> Callable[[str], Any]:
        described = operator("cloudformation").describe_stack_resource(
            StackName=stack["ENGINE_STACK"], LogicalResourceId=function
        )["StackResourceDetail"]
        role = operator("lambda").get_function_configuration(
            FunctionName=described["PhysicalResourceId"]
        )["Role"]
        with _trusting_the_operator(operator, role):
            given = operator("sts").assume_role(
                RoleArn=role, RoleSessionName="e2e-permissions"
            )["Credentials"]
        session = boto3.Session(
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
            region_name=stack["AWS_REGION"],
        )
        return lambda service: session.client(
            service, endpoint_url=stack["AWS_ENDPOINT_URL"]
        )

    return assume


@pytest.fixture(scope="session")
def administrator(
    operator: Callable[[str], Any], stack: dict[str, str]
) -> Iterator[Callable[[str], Any]]:
    """AWS clients of a user of the account to whom everything is allowed, by service name."""
    iam = operator("iam")
    user = f"administrator-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=user)
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [everything]}
    iam.put_user_policy(
        UserName=user, PolicyName="everything", PolicyDocument=json.dumps(policy)
    )
    made = iam.create_access_key(UserName=user)["AccessKey"]
    session = boto3.Session(
        aws_access_key_id=made["AccessKeyId"],
        aws_secret_access_key=made["SecretAccessKey"],
        region_name=stack["AWS_REGION"],
    )
    yield lambda service: session.client(
        service, endpoint_url=stack["AWS_ENDPOINT_URL"]
    )
    iam.delete_access_key(UserName=user, AccessKeyId=made["AccessKeyId"])
    iam.delete_user_policy(UserName=user, PolicyName="everything")
    iam.delete_user(UserName=user)


@contextmanager
def _trusting_the_operator(operator: Callable[[str], Any], role: str) -> Iterator[None]:
    """The role trusts Lambda alone. For this moment it trusts the account too; what it may do is not touched."""
    iam = operator("iam")
    name = role.rsplit("/", 1)[-1]
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    account = role.split(":")[4]
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "sts:AssumeRole",
    }
    opened = {**trust, "Statement": [*trust["Statement"], statement]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(opened))
    try:
        yield
    finally:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
