"""A stack of the suite's own, and the ways in which tests reach it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from infra.local import deploy, settings
from infra.local import stack as local_stack


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
    yield values
    if not os.environ.get("KEEP_STACK"):
        local_stack.down(mine)


@pytest.fixture(scope="session")
def operator(stack: dict[str, str]) -> Callable[[str], Any]:
    """AWS clients of the stack's operator, by service name."""
    return lambda service: deploy.client(settings.e2e(), service)


@pytest.fixture(scope="session")
def outputs(stack: dict[str, str]) -> dict[str, str]:
    """The stack's outputs."""
    return deploy.outputs(settings.e2e())


class Api:
    """Calls the API with a key; `key=None` sends none."""

    def __init__(self, base: str, key: str) -> None:
        self._base = base
        self._key = key

    def __call__(
        self, method: str, path: str, key: str | None = "", **options: Any
    ) -> requests.Response:
        headers = dict(options.pop("headers", {}))
        sent = self._key if key == "" else key
        if sent is not None:
            headers.setdefault("X-API-Key", sent)
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
