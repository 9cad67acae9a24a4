"""Secrets in the second region, and what the runbook of a lost key does with them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from infra.local import deploy, settings

SECRETS = ["actor-key", "reference-key", "bootstrap-totp"]


@pytest.fixture(scope="module")
def there(stack: dict[str, str]) -> Callable[[str], Any]:
    """AWS clients of the operator in the second region."""
    return lambda service: deploy.client(
        settings.e2e(), service, settings.REPLICA_REGION
    )


def value(secrets: Any, name: str) -> str:
    return secrets.get_secret_value(SecretId=name)["SecretString"]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_in_the_second_region_too_under_a_key_of_its_own(
    secret: str, stack: dict[str, str], operator: Any, there: Any
) -> None:
    name = f"{stack['ENGINE_STACK']}/{secret}"
    here, replica = operator("secretsmanager"), there("secretsmanager")
    # Not compared by assert, which would print them.
    same = value(here, name) == value(replica, name)
    assert same
    described = replica.describe_secret(SecretId=name)
    alias = f"alias/{stack['ENGINE_STACK']}-replicas"
    key = there("kms").describe_key(KeyId=alias)["KeyMetadata"]["Arn"]
    assert described["KmsKeyId"] == key
    (status,) = here.describe_secret(SecretId=name)["ReplicationStatus"]
    assert (status["Region"], status["Status"]) == (settings.REPLICA_REGION, "InSync")


def test_a_replica_follows_and_is_not_written_to(
    stack: dict[str, str], operator: Any, there: Any
) -> None:
    name = f"{stack['ENGINE_STACK']}/actor-key"
    here, replica = operator("secretsmanager"), there("secretsmanager")
    with pytest.raises(replica.exceptions.InvalidRequestException):
        replica.put_secret_value(SecretId=name, SecretString="forged")
    # The same value once more, as another version: nothing else in the suite notices.
    version = here.put_secret_value(SecretId=name, SecretString=value(here, name))
    labels = replica.describe_secret(SecretId=name)["VersionIdsToStages"]
    assert labels[version["VersionId"]] == ["AWSCURRENT"]


def test_what_was_lost_here_is_recovered_from_there(
    stack: dict[str, str], operator: Any, there: Any
) -> None:
    """As in docs/runbooks/kms-key-recovery.md, with a secret of the test's own."""
    name = f"{stack['ENGINE_STACK']}/permission-rehearsal"
    here, replica = operator("secretsmanager"), there("secretsmanager")
    document = json.dumps({"current": "k1", "k1": "rehearsal" * 8})
    lost, fresh = (operator("kms").create_key()["KeyMetadata"] for _ in range(2))
    key = there("kms").create_key()["KeyMetadata"]["Arn"]
    here.create_secret(Name=name, SecretString=document, KmsKeyId=lost["Arn"])
    try:
        regions = [{"Region": settings.REPLICA_REGION, "KmsKeyId": key}]
        here.replicate_secret_to_regions(SecretId=name, AddReplicaRegions=regions)
        operator("kms").disable_key(KeyId=lost["KeyId"])
        saved = value(replica, name)
        here.update_secret(SecretId=name, KmsKeyId=fresh["Arn"])
        here.put_secret_value(SecretId=name, SecretString=saved)
        assert value(here, name) == document
        described = here.describe_secret(SecretId=name)
        assert described["KmsKeyId"] == fresh["Arn"]
        assert value(replica, name) == document
    finally:
        here.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
