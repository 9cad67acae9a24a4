"""Secrets Manager, as far as it rotates secrets: played, because the emulator does not call the function that rotates.

The contract is that of AWS. RotateSecret makes a version that is labelled AWSPENDING and holds nothing yet, and refuses while another rotation is
under way. Then the function is invoked with one step after the other; where one fails, the whole rotation is tried again with the same token.
"""

import json
import threading
import uuid
from collections.abc import Callable
from typing import Any

from conftest import HANDLED

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
# As the documentation's prose has them.
SPELT_OTHERWISE = ("create_secret", "set_secret", "test_secret", "finish_secret")
CURRENT, PENDING = "AWSCURRENT", "AWSPENDING"


class InProgress(Exception):
    """A previous rotation isn't complete."""


class StepFailed(Exception):
    """The function did not do a step."""


class SecretsManager:
    """Rotates one secret. Threads share it, as they do the service."""

    def __init__(
        self, operator: Callable[[str], Any], secret: str, function: str
    ) -> None:
        self.secret = secret
        self._client = operator("secretsmanager")
        self._lambda = operator("lambda")
        self._function = function
        self._one_at_a_time = threading.Lock()

    def described(self) -> dict[str, Any]:
        return self._client.describe_secret(SecretId=self.secret)

    def is_enabled(self) -> bool:
        return self.described()["RotationEnabled"]

    def labels(self) -> dict[str, list[str]]:
        """The versions with each label."""
        versions = self.described()["VersionIdsToStages"].items()
        return {
            label: [version for version, labels in versions if label in labels]
            for label in (CURRENT, PENDING)
        }

    def value(self) -> str:
        """What everybody reads."""
        found = self._client.get_secret_value(SecretId=self.secret)
        value = found["SecretString"]
        HANDLED.update(secrets_in(value))
        return value

    def enable(self) -> None:
        """Turns rotation on. The emulator then takes a copy of the current value for the next one, which changes nothing."""
        if not self.is_enabled():
            self._client.rotate_secret(
                SecretId=self.secret,
                ClientRequestToken=str(uuid.uuid4()),
                RotationLambdaARN=self._function,
                RotationRules={"AutomaticallyAfterDays": 30},
                RotateImmediately=False,
            )

    def begin(self) -> str:
        """Makes the version that a rotation moves to. Answers its id, which is the rotation's token."""
        self.enable()
        token = str(uuid.uuid4())
        with self._one_at_a_time:
            labels = self.labels()
            if set(labels[PENDING]) - set(labels[CURRENT]):
                raise InProgress
            self.label(token)
        return token

    def label(self, token: str) -> None:
        """Makes a version with no value yet, and the label of what is pending."""
        self.give_up()
        self._client.put_secret_value(
            SecretId=self.secret, ClientRequestToken=token, VersionStages=[PENDING]
        )

    def give_up(self) -> None:
        """Takes the label off a rotation that hangs, as an operator would."""
        for version in self.labels()[PENDING]:
            self._client.update_secret_version_stage(
                SecretId=self.secret, VersionStage=PENDING, RemoveFromVersionId=version
            )

    def step(self, token: str, step: str) -> None:
        proof = str(uuid.uuid4())
        HANDLED.add(proof)
        event = {
            "Step": step,
            "SecretId": self.described()["ARN"],
            "ClientRequestToken": token,
            "RotationToken": proof,
        }
        answer = self._lambda.invoke(
            FunctionName=self._function, Payload=json.dumps(event)
        )
        said = answer["Payload"].read().decode()
        if "FunctionError" in answer:
            raise StepFailed(said)

    def rotate(self) -> str:
        """A whole rotation, each step once. Answers its token."""
        token = self.begin()
        for step in STEPS:
            self.step(token, step)
        return token


def secrets_in(value: str) -> set[str]:
    """What must stand nowhere: of a document, what is secret in it."""
    try:
        document = json.loads(value)
    except ValueError:
        return {value}
    public = ("client_id", "current")
    return {text for name, text in document.items() if name not in public}
