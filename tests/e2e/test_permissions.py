"""What the functions' deployed roles may do, found out by trying it, with IAM enforced.

Each function's permitted calls are listed once. Everything else in the catalogue of calls below must be refused, so a permission
that someone adds without need fails here, and so does a needed one that is missing.
"""

import json
import secrets as randomness
from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

TABLES = ["keys", "clients", "market", "audit", "people", "issuers", "guard"]
# Each with the name that its log group and its own name end in.
FUNCTIONS = {
    "PricingFunction": "pricing",
    "MarketDataFunction": "market-data",
    "KeyAdminFunction": "key-admin",
    "TokenFunction": "token",
    "IssuerKeysFunction": "issuer-keys",
}

REFUSALS = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}

# Partitions that those who may use the table at all may use: AWS judges this too.
PARTITIONS = {"people": "service_accounts", "guard": "refusals-permission-test"}


def table_calls(table: str) -> dict[str, Callable[[Any], Any]]:
    """Every way to read or change a table, by its IAM action. None would leave anything that another test could meet."""
    kind = table.rsplit("-", 1)[-1]
    pk = {"S": PARTITIONS.get(kind, "permission-test")}
    item = {"pk": pk, "sk": {"S": "permission-test"}}
    key = {"pk": pk} if kind in ("keys", "issuers", "guard") else item
    query = {
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": pk},
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
        "PutItem": lambda db: db.put_item(**name, Item=item, **never),
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


COUNT = {"GetItem", "PutItem", "UpdateItem"}
ADMINISTER = {
    "GetItem",
    "BatchGetItem",
    "Query",
    "PutItem",
    "UpdateItem",
    "ConditionCheckItem",
}

# What is not here is permitted nothing.
PERMITTED = {
    ("PricingFunction", "keys"): {"UpdateItem"},
    ("PricingFunction", "clients"): {"Query"},
    ("PricingFunction", "market"): {"Query"},
    ("PricingFunction", "audit"): {"PutItem"},
    ("PricingFunction", "people"): {"GetItem"},
    ("PricingFunction", "issuers"): {"GetItem"},
    ("PricingFunction", "guard"): COUNT,
    ("MarketDataFunction", "market"): {"GetItem", "Query", "PutItem"},
    ("MarketDataFunction", "audit"): {"PutItem"},
    ("KeyAdminFunction", "keys"): {"GetItem", "BatchGetItem", "PutItem", "UpdateItem"},
    ("KeyAdminFunction", "clients"): ADMINISTER,
    ("KeyAdminFunction", "people"): ADMINISTER,
    ("KeyAdminFunction", "audit"): {"PutItem"},
    ("KeyAdminFunction", "issuers"): {"GetItem"},
    ("KeyAdminFunction", "guard"): COUNT,
    ("TokenFunction", "people"): {"GetItem", "UpdateItem"},
    ("TokenFunction", "audit"): {"PutItem"},
    ("TokenFunction", "guard"): COUNT,
    ("IssuerKeysFunction", "audit"): {"PutItem"},
    ("IssuerKeysFunction", "issuers"): {"GetItem", "PutItem"},
    ("IssuerKeysFunction", "guard"): COUNT,
}

READABLE_SECRETS = {
    "PricingFunction": set(),
    "MarketDataFunction": {"actor-key", "reference-key"},
    "KeyAdminFunction": {"actor-key", "reference-key", "bootstrap-totp"},
    "TokenFunction": {"actor-key", "bootstrap-totp"},
    "IssuerKeysFunction": {"actor-key"},
}

# Keys of the template, used by name and not through another service.
KEYS = [
    *["TablesKey", "LogsKey", "MarketFilesKey", "SecretsKey"],
    *["FactorsKey", "ContactsKey", "TokenKey"],
]
KEY_USES = {
    ("KeyAdminFunction", "FactorsKey"): {"Encrypt", "Decrypt"},
    ("KeyAdminFunction", "ContactsKey"): {"GenerateDataKey", "Decrypt"},
    ("TokenFunction", "TokenKey"): {"Sign"},
    ("IssuerKeysFunction", "TokenKey"): {"GetPublicKey"},
}
PURPOSES = {"FactorsKey": "totp", "ContactsKey": "contact"}


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


@pytest.fixture(scope="module")
def as_role(as_role: Any) -> Any:
    """Each role is taken on once here, with one client for each service."""
    return cache(lambda function: cache(as_role(function)))


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
    assert let_through == PERMITTED.get((function, table), set())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_record_cannot_be_read_or_changed_by_who_writes_it(
    function: str, as_role: Any, stack: dict[str, str]
) -> None:
    """Said again by name, because it is the promise that auditors ask about."""
    dynamodb = as_role(function)("dynamodb")
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


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_reads_the_secrets_that_it_needs_and_no_other(
    function: str, as_role: Any, stack: dict[str, str]
) -> None:
    secrets = as_role(function)("secretsmanager")
    read = {
        name
        for name in ["actor-key", "reference-key", "bootstrap-totp"]
        if not refused(
            secrets.get_secret_value, SecretId=f"{stack['ENGINE_STACK']}/{name}"
        )
    }
    assert read == READABLE_SECRETS[function]


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


@pytest.mark.parametrize("function", FUNCTIONS)
def test_only_key_admin_writes_secrets_of_service_accounts_and_nobody_reads_them(
    function: str, as_role: Any, operator: Any, stack: dict[str, str]
) -> None:
    may = function == "KeyAdminFunction"
    prefix = f"{stack['ENGINE_STACK']}/service-accounts/svc-permission"
    there, made = f"{prefix}-there", f"{prefix}-{function}"
    operators = operator("secretsmanager")
    operators.create_secret(Name=there, SecretString="a")
    secrets = as_role(function)("secretsmanager")
    try:
        tagged = {"Tags": [{"Key": "purpose", "Value": "permission-test"}]}
        created = not refused(
            secrets.create_secret, Name=made, SecretString="b", **tagged
        )
        assert created is may
        assert (
            refused(secrets.put_secret_value, SecretId=there, SecretString="c")
            is not may
        )
        assert refused(secrets.get_secret_value, SecretId=there)
        assert refused(secrets.delete_secret, SecretId=there)
        # Beside the prefix, not even it.
        elsewhere = f"{stack['ENGINE_STACK']}/permission-{function}"
        assert refused(secrets.create_secret, Name=elsewhere, SecretString="d")
    finally:
        for name in [there, made] if may else [there]:
            operators.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("name", KEYS)
def test_a_function_uses_the_keys_that_it_needs_for_what_it_needs(
    function: str, name: str, as_role: Any, operator: Any, stack: dict[str, str]
) -> None:
    """Only `token` signs; second factors and contacts are decrypted by key-admin alone."""
    key = _key_arn(operator, stack, name)
    context = {"purpose": PURPOSES.get(name, "permission-test")}
    sealed = b"x" * 100
    if name != "TokenKey":
        sealed = operator("kms").encrypt(
            KeyId=key, Plaintext=b"x", EncryptionContext=context
        )["CiphertextBlob"]
    kms = as_role(function)("kms")
    bound = {"KeyId": key, "EncryptionContext": context}
    calls = {
        "Encrypt": lambda: kms.encrypt(**bound, Plaintext=b"x"),
        "Decrypt": lambda: kms.decrypt(**bound, CiphertextBlob=sealed),
        "GenerateDataKey": lambda: kms.generate_data_key(**bound, KeySpec="AES_256"),
        "Sign": lambda: kms.sign(KeyId=key, **_digest_to_sign()),
        "GetPublicKey": lambda: kms.get_public_key(KeyId=key),
        "CreateGrant": lambda: kms.create_grant(
            KeyId=key, GranteePrincipal=_account(key), Operations=["DescribeKey"]
        ),
        "PutKeyPolicy": lambda: kms.put_key_policy(KeyId=key, Policy="{}"),
        "ScheduleKeyDeletion": lambda: kms.schedule_key_deletion(KeyId=key),
    }
    let_through = {action for action, call in calls.items() if not refused(call)}
    assert let_through == KEY_USES.get((function, name), set())


def test_not_even_an_administrator_of_the_account_signs_tokens(
    operator: Any, stack: dict[str, str]
) -> None:
    """A user to whom everything is allowed: the key itself refuses."""
    key = _key_arn(operator, stack, "TokenKey")
    user = f"permission-test-{randomness.token_hex(4)}"
    iam = operator("iam")
    iam.create_user(UserName=user)
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [everything]}
    iam.put_user_policy(
        UserName=user, PolicyName="everything", PolicyDocument=json.dumps(policy)
    )
    made = iam.create_access_key(UserName=user)["AccessKey"]
    try:
        kms = boto3.client(
            "kms",
            endpoint_url=stack["AWS_ENDPOINT_URL"],
            region_name=stack["AWS_REGION"],
            aws_access_key_id=made["AccessKeyId"],
            aws_secret_access_key=made["SecretAccessKey"],
        )
        assert not refused(kms.get_public_key, KeyId=key)
        assert refused(kms.sign, KeyId=key, **_digest_to_sign())
    finally:
        iam.delete_access_key(UserName=user, AccessKeyId=made["AccessKeyId"])
        iam.delete_user_policy(UserName=user, PolicyName="everything")
        iam.delete_user(UserName=user)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_only_key_admin_tells_contacts_anything(
    function: str, as_role: Any, outputs: dict[str, str]
) -> None:
    topic = outputs["NoticesTopicArn"]
    sns = as_role(function)("sns")
    may = function == "KeyAdminFunction"
    assert refused(sns.publish, TopicArn=topic, Message="permission test") is not may
    # Nobody adds a listener.
    listener = {"Protocol": "email", "Endpoint": "nobody@example.com"}
    assert refused(sns.subscribe, TopicArn=topic, **listener)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_only_market_data_reads_files(
    function: str, as_role: Any, operator: Any, outputs: dict[str, str]
) -> None:
    may = function == "MarketDataFunction"
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
def test_no_function_calls_another_or_looks_at_identities(
    function: str, as_role: Any, stack: dict[str, str]
) -> None:
    role = as_role(function)
    for other in FUNCTIONS.values():
        name = f"{stack['ENGINE_STACK']}-{other}"
        assert refused(role("lambda").invoke, FunctionName=name), other
    assert refused(role("kms").list_keys)
    assert refused(role("iam").list_roles)
    assert refused(role("logs").describe_log_groups)
    assert refused(role("logs").create_log_group, logGroupName="/forged")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_cannot_write_the_logs_of_another(
    function: str, as_role: Any, stack: dict[str, str]
) -> None:
    logs = as_role(function)("logs")
    for other in set(FUNCTIONS.values()) - {FUNCTIONS[function]}:
        stream = {
            "logGroupName": f"/aws/lambda/{stack['ENGINE_STACK']}-{other}",
            "logStreamName": f"permission-test-{function}",
        }
        assert refused(logs.create_log_stream, **stream), other
        event = {"timestamp": 1_767_225_600_000, "message": "forged"}
        assert refused(logs.put_log_events, **stream, logEvents=[event]), other


def _key_arn(operator: Any, stack: dict[str, str], name: str) -> str:
    resource = operator("cloudformation").describe_stack_resource(
        StackName=stack["ENGINE_STACK"], LogicalResourceId=name
    )["StackResourceDetail"]
    key = operator("kms").describe_key(KeyId=resource["PhysicalResourceId"])
    return key["KeyMetadata"]["Arn"]


def _account(key: str) -> str:
    return f"arn:aws:iam::{key.split(':')[4]}:root"


def _digest_to_sign() -> dict[str, Any]:
    return {
        "Message": b"\0" * 32,
        "MessageType": "DIGEST",
        "SigningAlgorithm": "ECDSA_SHA_256",
    }
