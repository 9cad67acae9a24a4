"""The buckets of the sealed log as deployed: who may do what to them, what is locked, and that logs are guarded."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import settings
from test_permissions import FUNCTIONS, refused

from infra.local import deploy

# Where nothing of the log is, so that nothing that reads the log meets it.
ELSEWHERE = "permission-test"


def calls(records: str, work: str) -> dict[str, Callable[[Any], Any]]:
    """Every way to read or change the buckets. A put that is let through writes nothing: it would replace what is not there."""
    never = {"Body": b"forged", "IfMatch": '"nothing-has-this"'}

    def get(bucket: str, folder: str) -> Callable[[Any], Any]:
        return lambda s3: s3.get_object(Bucket=bucket, Key=f"{folder}/{ELSEWHERE}")

    def put(bucket: str, folder: str) -> Callable[[Any], Any]:
        key = f"{folder}/{ELSEWHERE}"
        return lambda s3: s3.put_object(Bucket=bucket, Key=key, **never)

    of_log = {"Bucket": records, "Key": f"checkpoints/{ELSEWHERE}"}
    lock = {"ObjectLockEnabled": "Enabled"}
    return {
        "read the log": get(records, "checkpoints"),
        "read a version of the log": lambda s3: s3.get_object(
            **of_log, VersionId="none"
        ),
        "list the log": lambda s3: s3.list_objects_v2(Bucket=records),
        "list versions": lambda s3: s3.list_object_versions(Bucket=records),
        "list versions of references": lambda s3: s3.list_object_versions(
            Bucket=records, Prefix="references/x"
        ),
        "write a tile": put(records, "tile"),
        "write a body": put(records, "bodies"),
        "write a checkpoint": put(records, "checkpoints"),
        "write an anchor": put(records, "anchors/clients"),
        "register the log's key": put(records, "keys/log"),
        "register the token key": put(records, "keys/token"),
        "register the evidence key": put(records, "keys/evidence"),
        "write a note": put(records, "notes"),
        "write references": put(records, "references"),
        "read references": get(records, "references"),
        "delete": lambda s3: s3.delete_object(**of_log),
        "delete a version": lambda s3: s3.delete_object(**of_log, VersionId="none"),
        "shorten a lock": lambda s3: s3.put_object_retention(
            **of_log, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": 1}
        ),
        "hold or release": lambda s3: s3.put_object_legal_hold(
            **of_log, LegalHold={"Status": "OFF"}
        ),
        "read how the bucket locks": lambda s3: s3.get_object_lock_configuration(
            Bucket=records
        ),
        "read whether it keeps versions": lambda s3: s3.get_bucket_versioning(
            Bucket=records
        ),
        "unlock the bucket": lambda s3: s3.put_object_lock_configuration(
            Bucket=records, ObjectLockConfiguration=lock
        ),
        "change whether it keeps versions": lambda s3: s3.put_bucket_versioning(
            Bucket=records, VersioningConfiguration={"Status": "Enabled"}
        ),
        "let objects expire": lambda s3: s3.put_bucket_lifecycle_configuration(
            Bucket=records, LifecycleConfiguration={"Rules": []}
        ),
        "change the policy": lambda s3: s3.put_bucket_policy(
            Bucket=records, Policy="no policy"
        ),
        "remove the policy": lambda s3: s3.delete_bucket_policy(Bucket=records),
        "read the edge": get(work, "tile/0"),
        "write the edge": put(work, "tile/0"),
        "read a batch": get(work, "batches"),
        "write a batch": put(work, "batches"),
        "read a bundle": get(work, "exports"),
        "write a bundle": put(work, "exports"),
        "list the edge": lambda s3: s3.list_objects_v2(Bucket=work),
        "delete a bundle": lambda s3: s3.delete_object(
            Bucket=work, Key=f"exports/{ELSEWHERE}"
        ),
    }


LISTS = {"list the log", "list versions", "list versions of references"}
READS = {"read the log", "read a version of the log", "read references", *LISTS}

# What is not here is permitted nothing.
PERMITTED = {
    "MarketDataFunction": {
        *("write references", "read references", "list versions of references"),
    },
    "AuditSealFunction": {
        *READS,
        *("write a tile", "write a body", "write a checkpoint", "write an anchor"),
        *("register the log's key", "register the token key"),
        *("read the edge", "write the edge", "read a batch", "write a batch"),
        "list the edge",
    },
    "EvidenceExportFunction": {
        *READS,
        *("write a note", "register the evidence key"),
        *("read the edge", "list the edge", "read a bundle", "write a bundle"),
    },
    "RetentionGuardFunction": {
        *("read how the bucket locks", "read whether it keeps versions"),
    },
}


@pytest.fixture(scope="module")
def records(outputs: dict[str, str]) -> str:
    return outputs["RecordsBucketName"]


@pytest.fixture
def locked(operator: Any, records: str) -> dict[str, str]:
    """An object that is there and locked, by bucket, key and version."""
    place = {"Bucket": records, "Key": f"{ELSEWHERE}/{uuid.uuid4().hex}"}
    put = operator("s3").put_object(**place, Body=b"first", IfNoneMatch="*")
    return {**place, "VersionId": put["VersionId"]}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_can_do_to_the_sealed_log_what_it_needs_and_nothing_else(
    function: str, as_role: Any, outputs: dict[str, str]
) -> None:
    s3 = as_role(function)("s3")
    every = calls(outputs["RecordsBucketName"], outputs["WorkBucketName"])
    let_through = {name for name, call in every.items() if not refused(call, s3)}
    assert let_through == PERMITTED.get(function, set())


def test_not_even_an_administrator_of_the_account_writes_the_log_or_unlocks_it(
    administrator: Any, outputs: dict[str, str]
) -> None:
    """A user to whom everything is allowed: the bucket itself refuses."""
    s3 = administrator("s3")
    every = calls(outputs["RecordsBucketName"], outputs["WorkBucketName"])
    assert not refused(every["read the log"], s3)
    for name in [
        *["write a tile", "write a body", "write a checkpoint", "write an anchor"],
        *["register the log's key", "register the token key"],
        *["register the evidence key", "write a note"],
        *["write references", "write the edge", "write a batch", "write a bundle"],
        *["delete", "delete a version", "shorten a lock", "hold or release"],
        *["unlock the bucket", "change whether it keeps versions"],
        *["let objects expire", "change the policy", "remove the policy"],
    ]:
        assert refused(every[name], s3), name


def test_what_is_put_into_the_sealed_log_is_locked_as_the_stack_says(
    operator: Any, records: str, locked: dict[str, str]
) -> None:
    s3 = operator("s3")
    found = s3.get_object_lock_configuration(Bucket=records)["ObjectLockConfiguration"]
    assert found["ObjectLockEnabled"] == "Enabled"
    assert found["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 1}
    retention = s3.get_object_retention(**locked)["Retention"]
    assert retention["Mode"] == "GOVERNANCE"
    put = s3.head_object(**locked)["LastModified"]
    assert 86_000 < (retention["RetainUntilDate"] - put).total_seconds() < 87_000


def test_a_version_of_a_locked_object_is_not_deleted(
    operator: Any, administrator: Any, locked: dict[str, str]
) -> None:
    """Not by the account's root, as which the operator acts here, and not by an administrator who asks to bypass the lock."""
    assert refused(operator("s3").delete_object, **locked)
    s3 = administrator("s3")
    assert refused(s3.delete_object, **locked)
    assert refused(s3.delete_object, **locked, BypassGovernanceRetention=True)
    assert operator("s3").get_object(**locked)["Body"].read() == b"first"


def test_an_object_of_the_sealed_log_is_put_once_and_its_first_version_stays(
    operator: Any, locked: dict[str, str]
) -> None:
    s3 = operator("s3")
    place = {name: locked[name] for name in ("Bucket", "Key")}
    with pytest.raises(ClientError) as failed:
        s3.put_object(**place, Body=b"second", IfNoneMatch="*")
    assert failed.value.response["Error"]["Code"] == "PreconditionFailed"
    # Whoever leaves the condition out adds a version, where nothing refuses it: the first is still there, and what is read.
    s3.put_object(**place, Body=b"second")
    versions = s3.list_object_versions(Bucket=place["Bucket"], Prefix=place["Key"])
    ids = [version["VersionId"] for version in versions["Versions"]]
    assert (len(ids), ids[-1]) == (2, locked["VersionId"])
    assert s3.get_object(**locked)["Body"].read() == b"first"


def test_streams_call_who_seals_who_exports_and_who_rotates(
    operator: Any, outputs: dict[str, str]
) -> None:
    mappings = operator("lambda").list_event_source_mappings()["EventSourceMappings"]
    called = {
        mapping["EventSourceArn"].split("/")[1]: mapping["FunctionArn"]
        for mapping in mappings
        if mapping["State"] == "Enabled"
    }
    assert called == {
        outputs["AuditTableName"]: outputs["AuditSealFunctionArn"],
        outputs["ExportsTableName"]: outputs["EvidenceExportFunctionArn"],
        outputs["RotationsTableName"]: outputs["CredentialSweepFunctionArn"],
    }


def test_references_are_kept_before_a_snapshot_is_in_force(
    operator: Any, records: str
) -> None:
    """Those of the sample that the stack was brought up with."""
    s3 = operator("s3")
    found = s3.list_objects_v2(Bucket=records, Prefix="references/")["Contents"]
    body = s3.get_object(Bucket=records, Key=found[0]["Key"])["Body"].read()
    assert found[0]["Key"].endswith(".jsonl")
    assert body.startswith(b'{"salt":"')


def test_the_guard_lengthens_a_retention_that_somebody_shortened(
    operator: Any, stack: dict[str, str]
) -> None:
    logs = operator("logs")
    group = f"/aws/lambda/{stack['ENGINE_STACK']}-market-data"

    def kept() -> int:
        found = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        return found[0]["retentionInDays"]

    policy = kept()
    logs.put_retention_policy(logGroupName=group, retentionInDays=1)
    deploy.invoke(settings.e2e(), "retention-guard")
    assert kept() == policy == 2557
    told = logs.filter_log_events(
        logGroupName=f"/aws/lambda/{stack['ENGINE_STACK']}-retention-guard",
        filterPattern='"log_retention_shortened"',
    )["events"]
    assert any(group in event["message"] for event in told)


def test_the_guard_tells_of_a_bucket_that_somebody_unlocked(
    operator: Any, stack: dict[str, str], records: str
) -> None:
    s3, logs = operator("s3"), operator("logs")
    place = {"Bucket": records}
    lock = s3.get_object_lock_configuration(**place)["ObjectLockConfiguration"]

    def told() -> list[str]:
        deploy.invoke(settings.e2e(), "retention-guard")
        events = logs.filter_log_events(
            logGroupName=f"/aws/lambda/{stack['ENGINE_STACK']}-retention-guard",
            filterPattern='"records_unlocked"',
        )["events"]
        return [event["message"] for event in events]

    before = told()
    assert told() == before, "as deployed it is in order"
    try:
        unlocked = {"ObjectLockEnabled": "Enabled"}
        s3.put_object_lock_configuration(**place, ObjectLockConfiguration=unlocked)
        (line,) = told()[len(before) :]
    finally:
        s3.put_object_lock_configuration(**place, ObjectLockConfiguration=lock)
    assert records in line
    assert len(told()) == len(before) + 1, "it is in order again"
