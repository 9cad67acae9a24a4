"""What the functions' deployed roles may do, found out by trying it, with IAM enforced.

Each function's permitted calls are listed once. Everything else in the catalogue of calls below must be refused, so a permission
that someone adds without need fails here, and so does a needed one that is missing.
"""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

TABLES = ["keys", "clients", "market", "audit"]
FUNCTIONS = ["PricingFunction", "MarketDataFunction"]

REFUSALS = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}

ITEM = {"pk": {"S": "permission-test"}, "sk": {"S": "permission-test"}}


def table_calls(table: str) -> dict[str, Callable[[Any], Any]]:
    """Every way to read or change a table, by its IAM action. None would leave anything that another test could meet."""
    key = {"pk": ITEM["pk"]} if table.endswith("-keys") else ITEM
    query = {
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": ITEM["pk"]},
    }
    # Permission is judged before conditions: a permitted write still writes nothing.
    never = {"ConditionExpression": "attribute_exists(nothing_has_this)"}
    name = {"TableName": table}
    return {
        "GetItem": lambda db: db.get_item(**name, Key=key),
        "BatchGetItem": lambda db: db.batch_get_item(
            RequestItems={table: {"Keys": [key]}}
        ),
        "Query": lambda db: db.query(**name, **query),
        "Scan": lambda db: db.scan(**name, Limit=1),
        "PutItem": lambda db: db.put_item(**name, Item=ITEM, **never),
        "UpdateItem": lambda db: db.update_item(
            **name, Key=key, UpdateExpression="REMOVE nothing_has_this", **never
        ),
        "DeleteItem": lambda db: db.delete_item(**name, Key=key, **never),
        "BatchWriteItem": lambda db: db.batch_write_item(
            RequestItems={table: [{"DeleteRequest": {"Key": key}}]}
        ),
        "ConditionCheckItem": lambda db: db.transact_write_items(
            TransactItems=[{"ConditionCheck": {**name, "Key": key, **never}}]
        ),
        "PartiQLSelect": lambda db: db.execute_statement(
            Statement=f"SELECT * FROM \"{table}\" WHERE pk = 'permission-test'"
        ),
        "PartiQLDelete": lambda db: db.execute_statement(
            Statement=f"DELETE FROM \"{table}\" WHERE pk = 'permission-test' AND sk = 'permission-test'"
        ),
        "DescribeTable": lambda db: db.describe_table(**name),
        "UpdateTable": lambda db: db.update_table(
            **name, DeletionProtectionEnabled=False
        ),
        "UpdateTimeToLive": lambda db: db.update_time_to_live(
            **name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
        ),
        "UpdateContinuousBackups": lambda db: db.update_continuous_backups(
            **name,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False},
        ),
        "DeleteTable": lambda db: db.delete_table(**name),
    }


PERMITTED = {
    ("PricingFunction", "keys"): {"UpdateItem"},
    ("PricingFunction", "clients"): {"Query"},
    ("PricingFunction", "market"): {"Query"},
    ("PricingFunction", "audit"): {"PutItem"},
    ("MarketDataFunction", "keys"): set(),
    ("MarketDataFunction", "clients"): set(),
    ("MarketDataFunction", "market"): {
        "GetItem",
        "Query",
        "PutItem",
    },
    ("MarketDataFunction", "audit"): {"PutItem"},
}


def refused(call: Callable[..., Any], *args: Any, **parameters: Any) -> bool:
    """Whether IAM refused it. Any other outcome, an unmet condition included, means that it was let through."""
    try:
        call(*args, **parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] in REFUSALS:
            return True
        reasons = error.response.get("CancellationReasons", [])
        return any(reason.get("Code") in REFUSALS for reason in reasons)
    return False


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("table", TABLES)
def test_a_function_can_do_to_a_table_what_it_needs_and_nothing_else(
    function: str, table: str, as_role: Any, stack: dict[str, str]
) -> None:
    dynamodb = as_role(function)("dynamodb")
    calls = table_calls(f"{stack['ENGINE_STACK']}-{table}")
    let_through = {
        action for action, call in calls.items() if not refused(call, dynamodb)
    }
    assert let_through == PERMITTED[function, table]


def test_the_record_cannot_be_read_or_changed_by_who_writes_it(
    as_role: Any, stack: dict[str, str]
) -> None:
    """Said again by name, because it is the promise that auditors ask about."""
    dynamodb = as_role("PricingFunction")("dynamodb")
    calls = table_calls(f"{stack['ENGINE_STACK']}-audit")
    for action in ["Scan", "Query", "GetItem", "UpdateItem", "DeleteItem"]:
        assert refused(calls[action], dynamodb), action


def test_the_records_table_itself_refuses_rewriting(
    operator: Any, stack: dict[str, str]
) -> None:
    """Beside every identity's policy: a deny on the table, which no allow elsewhere outvotes."""
    dynamodb = operator("dynamodb")
    table = dynamodb.describe_table(TableName=f"{stack['ENGINE_STACK']}-audit")["Table"]
    policy = dynamodb.get_resource_policy(ResourceArn=table["TableArn"])["Policy"]
    for action in ["UpdateItem", "DeleteItem", "BatchWriteItem", "PartiQLDelete"]:
        assert f"dynamodb:{action}" in policy
    assert '"Deny"' in policy


@pytest.mark.parametrize(
    ("function", "may"), [("PricingFunction", False), ("MarketDataFunction", True)]
)
def test_only_market_data_reads_the_two_secrets(
    function: str, may: bool, as_role: Any, stack: dict[str, str]
) -> None:
    secrets = as_role(function)("secretsmanager")
    for name in ["actor-key", "reference-key"]:
        secret = f"{stack['ENGINE_STACK']}/{name}"
        assert refused(secrets.get_secret_value, SecretId=secret) is not may, name


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_function_reads_another_secret_or_changes_one(
    function: str, as_role: Any, operator: Any, stack: dict[str, str]
) -> None:
    own = f"{stack['ENGINE_STACK']}/actor-key"
    other = operator("secretsmanager").create_secret(
        Name=f"permission-test-{function}", SecretString="not theirs"
    )["ARN"]
    secrets = as_role(function)("secretsmanager")
    try:
        assert refused(secrets.get_secret_value, SecretId=other)
        assert refused(secrets.list_secrets)
        assert refused(secrets.put_secret_value, SecretId=own, SecretString="forged")
        assert refused(secrets.delete_secret, SecretId=own)
    finally:
        operator("secretsmanager").delete_secret(
            SecretId=other, ForceDeleteWithoutRecovery=True
        )


@pytest.mark.parametrize(
    ("function", "may"), [("PricingFunction", False), ("MarketDataFunction", True)]
)
def test_only_market_data_reads_files(
    function: str, may: bool, as_role: Any, operator: Any, outputs: dict[str, str]
) -> None:
    # Outside the prefixes that trigger an import.
    target = {"Bucket": outputs["MarketBucketName"], "Key": "permission-test/file"}
    operator("s3").put_object(**target, Body=b"x")
    s3 = as_role(function)("s3")
    assert refused(s3.get_object, **target) is not may


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_function_writes_or_lists_files(
    function: str, as_role: Any, outputs: dict[str, str]
) -> None:
    s3 = as_role(function)("s3")
    bucket = outputs["MarketBucketName"]
    forged = {"Bucket": bucket, "Key": "short-stock/forged.txt"}
    assert refused(s3.put_object, **forged, Body=b"forged")
    assert refused(s3.delete_object, **forged)
    assert refused(s3.list_objects_v2, Bucket=bucket)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_function_uses_keys_functions_or_identities_directly(
    function: str, as_role: Any, operator: Any, stack: dict[str, str]
) -> None:
    role = as_role(function)
    key = operator("kms").list_keys()["Keys"][0]["KeyId"]
    assert refused(role("kms").encrypt, KeyId=key, Plaintext=b"x")
    assert refused(
        role("lambda").invoke, FunctionName=f"{stack['ENGINE_STACK']}-market-data"
    )
    assert refused(role("iam").list_roles)
    assert refused(role("logs").describe_log_groups)
    assert refused(role("logs").create_log_group, logGroupName="/forged")


@pytest.mark.parametrize(
    ("function", "other"),
    [("PricingFunction", "market-data"), ("MarketDataFunction", "pricing")],
)
def test_a_function_cannot_write_the_logs_of_another(
    function: str, other: str, as_role: Any, stack: dict[str, str]
) -> None:
    stream = {
        "logGroupName": f"/aws/lambda/{stack['ENGINE_STACK']}-{other}",
        "logStreamName": f"permission-test-{function}",
    }
    logs = as_role(function)("logs")
    assert refused(logs.create_log_stream, **stream)
    event = {"timestamp": 1_767_225_600_000, "message": "forged"}
    assert refused(logs.put_log_events, **stream, logEvents=[event])
