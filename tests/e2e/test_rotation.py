"""Every secret of the stack rotates by the contract of Secrets Manager, which the suite plays: whatever goes wrong on the way,
one version is the current one at the end, it works, and nothing is pending.
"""

import base64
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from conftest import Desk, done, quote_now
from lifecycle import entries, service_account, token
from secrets_rotation import (
    CURRENT,
    PENDING,
    SPELT_OTHERWISE,
    STEPS,
    InProgress,
    SecretsManager,
    StepFailed,
)

from infra.local import deploy, settings, totp

ACCOUNT, TOTP = "service account", "bootstrap-totp"
KEYS = ["actor-key", "reference-key"]
# What is refused to the function for a moment, and in which step: before the step has any effect, and in the last one also after
# Secrets Manager gives out the new value.
WRITES = ["dynamodb:UpdateItem", "dynamodb:PutItem"]
FAILURES = [
    ("createSecret", ["secretsmanager:PutSecretValue"]),
    ("setSecret", ["secretsmanager:DescribeSecret"]),
    ("testSecret", ["secretsmanager:GetSecretValue"]),
    ("finishSecret", ["secretsmanager:UpdateSecretVersionStage"]),
    ("finishSecret", WRITES),
]


@dataclass(frozen=True)
class Subject:
    """A secret that rotates."""

    kind: str
    secrets: SecretsManager
    works: Callable[[str], None]
    entries: Callable[[str], list[str]]

    def settled(self, version: str, before: str) -> None:
        """That version is the current one and works, no other is pending, and it is recorded once."""
        assert self.secrets.labels() == {CURRENT: [version], PENDING: []}
        value = self.secrets.value()
        # Not compared by assert, which would print them.
        changed = value != before
        assert changed
        self.works(value)
        if self.kind in KEYS:
            assert succeeds(json.loads(before), json.loads(value))
        if self.kind != ACCOUNT:
            assert replica_of(self.secrets.secret) == value
        assert len(self.entries(version)) == 1


def succeeds(before: dict[str, str], after: dict[str, str]) -> bool:
    """Whether a key has one more version, which is the current one, and every other as it was."""
    new = set(after) - set(before)
    kept = all(after.get(k) == v for k, v in before.items() if k != "current")
    return kept and new == {after["current"]}


def replica_of(name: str) -> str:
    there = deploy.client(settings.e2e(), "secretsmanager", settings.REPLICA_REGION)
    return there.get_secret_value(SecretId=name)["SecretString"]


@pytest.fixture(
    scope="module",
    params=[ACCOUNT, TOTP, *KEYS],
    ids=lambda kind: kind.replace(" ", "-"),
)
def subject(
    request: pytest.FixtureRequest,
    desk: Desk,
    operator: Callable[[str], Any],
    outputs: dict[str, str],
    stack: dict[str, str],
) -> Subject:
    def account_works(value: str) -> None:
        done(token(stack, value), 200)

    def factor_works(value: str) -> None:
        assert len(base64.b32decode(value)) == 20
        # Whoever has the authenticator enrols it anew.
        totp.enrol(settings.e2e(), totp.BOOTSTRAP, value)
        assert totp.code(settings.e2e(), totp.BOOTSTRAP).isdigit()

    def key_works(_: str) -> None:
        quote_now(stack)
        done(desk.alice("GET", "/admin/roles"), 200)

    kind, event = request.param, "secret.rotate"
    works = {ACCOUNT: account_works, TOTP: factor_works}.get(kind, key_works)
    name = f"{stack['ENGINE_STACK']}/{kind}"
    if kind == ACCOUNT:
        event = "service_account.credential.rotate"
        _, name = service_account(desk, operator, stack)
    return Subject(
        kind,
        SecretsManager(operator, name, outputs["RotationFunctionArn"]),
        works,
        lambda version: entries(operator, outputs, event, version),
    )


@pytest.fixture(scope="module")
def denied(
    operator: Callable[[str], Any], outputs: dict[str, str]
) -> Callable[[list[str], str], Any]:
    """`with denied(["secretsmanager:PutSecretValue"], arn)`: the function's role may not do that meanwhile."""
    function = operator("lambda").get_function_configuration(
        FunctionName=outputs["RotationFunctionArn"]
    )
    role = {
        "RoleName": function["Role"].rsplit("/", 1)[-1],
        "PolicyName": "refused-by-the-suite",
    }
    iam = operator("iam")

    @contextmanager
    def deny(actions: list[str], resource: str) -> Iterator[None]:
        statement = {"Effect": "Deny", "Action": actions, "Resource": resource}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        iam.put_role_policy(**role, PolicyDocument=json.dumps(policy))
        try:
            yield
        finally:
            iam.delete_role_policy(**role)

    return deny


def refused(subject: Subject, version: str) -> None:
    """No step is taken for that version."""
    for step in STEPS:
        with pytest.raises(StepFailed):
            subject.secrets.step(version, step)


def test_where_rotation_is_off_no_step_is_taken(subject: Subject) -> None:
    if subject.secrets.is_enabled():
        pytest.skip("it is on since an earlier run: the emulator cannot end it")
    before, version = subject.secrets.value(), str(uuid.uuid4())
    subject.secrets.label(version)
    for step in STEPS:
        with pytest.raises(StepFailed, match="not enabled for rotation"):
            subject.secrets.step(version, step)
    subject.secrets.give_up()
    same = subject.secrets.value() == before
    assert same
    subject.works(before)


def test_each_step_taken_twice_and_by_either_name_is_taken_once(
    subject: Subject, stack: dict[str, str]
) -> None:
    before, version = subject.secrets.value(), subject.secrets.begin()
    for step, otherwise in zip(STEPS, SPELT_OTHERWISE, strict=True):
        subject.secrets.step(version, step)
        subject.secrets.step(version, otherwise)
    subject.settled(version, before)
    if subject.kind == ACCOUNT:
        assert token(stack, before).status_code == 401


def test_each_step_fails_once_and_the_rotation_comes_to_its_end(
    subject: Subject, denied: Callable[[list[str], str], Any]
) -> None:
    before, version = subject.secrets.value(), subject.secrets.begin()
    arn = subject.secrets.described()["ARN"]
    for failing, actions in FAILURES:
        # From the beginning each time, with the same token.
        for step in STEPS[: STEPS.index(failing)]:
            subject.secrets.step(version, step)
        resource = "*" if actions == WRITES else arn
        with denied(actions, resource), pytest.raises(StepFailed):
            subject.secrets.step(version, failing)
        subject.works(subject.secrets.value())
    for step in STEPS:
        subject.secrets.step(version, step)
    subject.settled(version, before)


def test_of_two_rotations_started_at_once_one_is_refused_and_two_runs_of_the_other_are_one(
    subject: Subject,
) -> None:
    before, both = subject.secrets.value(), threading.Barrier(2)
    subject.secrets.enable()

    def begin(_: int) -> str | None:
        both.wait()
        try:
            return subject.secrets.begin()
        except InProgress:
            return None

    with ThreadPoolExecutor(2) as pool:
        (version,) = filter(None, pool.map(begin, range(2)))
        for step in STEPS:
            list(pool.map(subject.secrets.step, [version] * 2, [step] * 2))
    subject.settled(version, before)


def test_a_token_whose_rotation_is_over_or_never_was_does_nothing(
    subject: Subject,
) -> None:
    before, hangs = subject.secrets.value(), subject.secrets.begin()
    for step in STEPS[:2]:
        subject.secrets.step(hangs, step)
    subject.secrets.give_up()
    version = subject.secrets.begin()
    refused(subject, hangs)
    for step in STEPS:
        subject.secrets.step(version, step)
    for stale in (hangs, str(uuid.uuid4())):
        refused(subject, stale)
    for step in STEPS:
        subject.secrets.step(version, step)
    subject.settled(version, before)


def test_a_client_that_asks_for_tokens_all_the_time_sees_no_failure(
    desk: Desk,
    operator: Callable[[str], Any],
    outputs: dict[str, str],
    stack: dict[str, str],
) -> None:
    _, name = service_account(desk, operator, stack)
    secrets = SecretsManager(operator, name, outputs["RotationFunctionArn"])
    used: list[tuple[str, int]] = []
    ended = threading.Event()

    def ask() -> None:
        # As a client does that keeps nothing: it reads the secret before each request.
        while not ended.is_set():
            credential = secrets.value()
            used.append((credential, token(stack, credential).status_code))

    before = secrets.value()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        version = secrets.begin()
        for step in STEPS:
            secrets.step(version, step)
            if step == "setSecret":
                assert token(stack, before).status_code == 200
        again = len(used) + 3
        deadline = time.monotonic() + 20
        while len(used) < again and time.monotonic() < deadline:
            time.sleep(0.05)
        ended.set()
        asking.result()
    assert {status for _, status in used} == {200}
    assert len(used) > 10 and len({credential for credential, _ in used}) == 2
    old = token(stack, before)
    assert (old.status_code, old.json()["error"]) == (401, "invalid_client")
    assert secrets.labels() == {CURRENT: [version], PENDING: []}
