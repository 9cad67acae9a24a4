"""What the functions' deployed roles may do, found out by trying it, with IAM enforced.

Each function's permitted calls are listed once. Everything else in the catalogue of calls below must be refused, so a permission
that someone adds without need fails here, and so does a needed one that is missing.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local import settings

TABLES = [
    *["keys", "clients", "market", "audit", "people", "issuers", "guard"],
    *["log", "exports", "rotations"],
]
# Each with the name that its log group and its own name end in.
FUNCTIONS = {
    "PricingFunction": "pricing",
    "MarketDataFunction": "market-data",
    "KeyAdminFunction": "key-admin",
    "TokenFunction": "token",
    "IssuerKeysFunction": "issuer-keys",
    "AuditSealFunction": "audit-seal",
    "EvidenceExportFunction": "evidence-export",
    "RetentionGuardFunction": "retention-guard",
    "RotationFunction": "rotation",
    "CredentialSweepFunction": "credential-sweep",
}

REFUSALS = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}

# Partitions that those who may use the table at all may use: AWS judges this too.
PARTITIONS = {
    "people": "service_accounts",
    "guard": "refusals-permission-test",
    "rotations": "register",
}


def table_calls(table: str) -> dict[str, Callable[[Any], Any]]:
    """Every way to read or change a table, by its IAM action. None would leave anything that another test could meet."""
    kind = table.rsplit("-", 1)[-1]
    pk = {"S": PARTITIONS.get(kind, "permission-test")}
    item = {"pk": pk, "sk": {"S": "permission-test"}}
    key = {"pk": pk} if kind in ("keys", "issuers", "guard", "exports") else item
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

# It makes nothing: neither keys, clients nor people.
SWEEP = ADMINISTER - {"PutItem"}

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
    ("AuditSealFunction", "audit"): {
        *("GetItem", "BatchGetItem", "Query", "PutItem", "DescribeTable"),
    },
    ("AuditSealFunction", "log"): {
        *("GetItem", "BatchGetItem", "Query"),
        *("PutItem", "UpdateItem", "BatchWriteItem"),
    },
    ("EvidenceExportFunction", "audit"): {"PutItem"},
    ("EvidenceExportFunction", "log"): {"GetItem", "BatchGetItem", "Query"},
    ("EvidenceExportFunction", "exports"): COUNT,
    ("EvidenceExportFunction", "people"): {"GetItem"},
    ("EvidenceExportFunction", "issuers"): {"GetItem"},
    ("EvidenceExportFunction", "guard"): COUNT,
    ("RetentionGuardFunction", "audit"): {"PutItem"},
    ("KeyAdminFunction", "rotations"): {"GetItem", "Query", "PutItem"},
    ("RotationFunction", "people"): {"GetItem", "UpdateItem"},
    ("RotationFunction", "rotations"): {"GetItem", "UpdateItem"},
    ("RotationFunction", "audit"): {"PutItem"},
    # Of keys it queries what is due, in an index of its own.
    ("CredentialSweepFunction", "keys"): {"GetItem", "BatchGetItem", "UpdateItem"},
    ("CredentialSweepFunction", "clients"): SWEEP,
    ("CredentialSweepFunction", "people"): SWEEP,
    ("CredentialSweepFunction", "rotations"): {*SWEEP, "PutItem", "DeleteItem"},
    ("CredentialSweepFunction", "audit"): {"PutItem"},
}

READABLE_SECRETS = {
    "PricingFunction": set(),
    "MarketDataFunction": {"actor-key", "reference-key"},
    "KeyAdminFunction": {"actor-key", "reference-key", "bootstrap-totp"},
    "TokenFunction": {"actor-key", "bootstrap-totp"},
    "IssuerKeysFunction": {"actor-key"},
    "AuditSealFunction": {"actor-key"},
    "EvidenceExportFunction": {"actor-key", "reference-key"},
    "RetentionGuardFunction": {"actor-key"},
    "RotationFunction": {"actor-key", "reference-key", "bootstrap-totp"},
    "CredentialSweepFunction": {"actor-key", "reference-key"},
}

# Keys of the template, used by name and not through another service.
KEYS = [
    *["TablesKey", "LogsKey", "MarketFilesKey", "SecretsKey"],
    *["FactorsKey", "ContactsKey", "RecordsKey"],
    *["TokenKey", "LogKey", "EvidenceKey"],
]
# Each with how it signs.
SIGNING_KEYS = {
    "TokenKey": {
        "Message": b"\0" * 32,
        "MessageType": "DIGEST",
        "SigningAlgorithm": "ECDSA_SHA_256",
    },
    **{
        key: {
            "Message": b"permission test",
            "MessageType": "RAW",
            "SigningAlgorithm": "ED25519_SHA_512",
        }
        for key in ("LogKey", "EvidenceKey")
    },
}
WATCH = {"DescribeKey", "GetKeyRotationStatus"}
KEY_USES = {
    ("KeyAdminFunction", "FactorsKey"): {"Encrypt", "Decrypt"},
    ("KeyAdminFunction", "ContactsKey"): {"GenerateDataKey", "Decrypt"},
    ("TokenFunction", "TokenKey"): {"Sign"},
    ("IssuerKeysFunction", "TokenKey"): {"GetPublicKey"},
    ("AuditSealFunction", "TokenKey"): {"GetPublicKey"},
    ("AuditSealFunction", "LogKey"): {"Sign", "GetPublicKey"},
    ("EvidenceExportFunction", "EvidenceKey"): {"Sign", "GetPublicKey"},
    ("EvidenceExportFunction", "FactorsKey"): {"Decrypt"},
    **{("CredentialSweepFunction", key): WATCH for key in KEYS},
    ("CredentialSweepFunction", "ContactsKey"): {*WATCH, "Decrypt"},
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
def test_only_the_sweep_asks_which_keys_have_something_due(
    function: str, as_role: Any, stack: dict[str, str]
) -> None:
    dynamodb = as_role(function)("dynamodb")
    index = {"TableName": f"{stack['ENGINE_STACK']}-keys", "IndexName": "due"}
    query = {
        "KeyConditionExpression": "due_shard = :shard AND due_at < :now",
        "ExpressionAttributeValues": {":shard": {"S": "00"}, ":now": {"N": "0"}},
    }
    may = function == "CredentialSweepFunction"
    assert refused(dynamodb.query, **index, **query) is not may
    assert refused(dynamodb.scan, **index, Limit=1)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_entry_of_the_record_is_changed_and_removed_by_no_function(
    function: str, as_role: Any, stack: dict[str, str]
) -> None:
    """Said again by name, because it is the promise that auditors ask about."""
    dynamodb = as_role(function)("dynamodb")
    calls = table_calls(f"{stack['ENGINE_STACK']}-audit")
    for action in [
        *["UpdateItem", "DeleteItem", "BatchWriteItem", "PartiQLDelete"],
        *["UpdateTimeToLive", "DeleteTable"],
    ]:
        assert refused(calls[action], dynamodb), action
    if function != "AuditSealFunction":
        for action in ["Scan", "Query", "GetItem", "BatchGetItem"]:
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
        assert refused(secrets.delete_secret, SecretId=own)
        rotates = function == "RotationFunction"
        # There is no such version: what is let through changes nothing.
        moved = {"VersionStage": "NOTHING", "RemoveFromVersionId": "0" * 32}
        move = secrets.update_secret_version_stage
        assert refused(move, SecretId=own, **moved) is not rotates
        if not rotates:
            forged = {"SecretId": own, "SecretString": "forged"}
            assert refused(secrets.put_secret_value, **forged)
        # How long ago it rotated is nobody's secret, but few need it.
        watches = rotates or function == "CredentialSweepFunction"
        assert refused(secrets.describe_secret, SecretId=own) is not watches
        assert refused(secrets.rotate_secret, SecretId=own)
    finally:
        operator("secretsmanager").delete_secret(
            SecretId=other, ForceDeleteWithoutRecovery=True
        )


@pytest.mark.parametrize("function", FUNCTIONS)
def test_secrets_of_service_accounts_are_made_by_key_admin_and_read_by_those_who_rotate_them(
    function: str, as_role: Any, operator: Any, stack: dict[str, str]
) -> None:
    makes = function == "KeyAdminFunction"
    sweeps = function == "CredentialSweepFunction"
    rotates = sweeps or function == "RotationFunction"
    prefix = f"{stack['ENGINE_STACK']}/service-accounts/svc-permission"
    there, made = f"{prefix}-there", f"{prefix}-{function}"
    operators = operator("secretsmanager")
    operators.create_secret(Name=there, SecretString="a")
    secrets = as_role(function)("secretsmanager")
    of = {"SecretId": there}
    try:
        tagged = {"Tags": [{"Key": "purpose", "Value": "permission-test"}]}
        created = not refused(
            secrets.create_secret, Name=made, SecretString="b", **tagged
        )
        assert created is makes
        put = not refused(secrets.put_secret_value, **of, SecretString="c")
        assert put is (makes or rotates)
        assert refused(secrets.get_secret_value, **of) is not rotates
        assert refused(secrets.describe_secret, **of) is not rotates
        moved = {"VersionStage": "NOTHING", "RemoveFromVersionId": "0" * 32}
        assert (
            refused(secrets.update_secret_version_stage, **of, **moved) is not rotates
        )
        assert refused(secrets.rotate_secret, **of) is not sweeps
        replicated = {"AddReplicaRegions": [{"Region": settings.REPLICA_REGION}]}
        replicate = secrets.replicate_secret_to_regions
        assert refused(replicate, **of, **replicated) is not makes
        assert refused(secrets.delete_secret, **of)
        # Beside the prefix, not even it.
        elsewhere = f"{stack['ENGINE_STACK']}/permission-{function}"
        assert refused(secrets.create_secret, Name=elsewhere, SecretString="d")
    finally:
        for name in [there, made] if makes else [there]:
            operators.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("name", KEYS)
def test_a_function_uses_the_keys_that_it_needs_for_what_it_needs(
    function: str, name: str, as_role: Any, operator: Any, stack: dict[str, str]
) -> None:
    """One function signs with each signing key; contacts are decrypted by those who tell them something."""
    key = _key_arn(operator, stack, name)
    context = {"purpose": PURPOSES.get(name, "permission-test")}
    sealed = b"x" * 100
    signed = SIGNING_KEYS.get(name, SIGNING_KEYS["TokenKey"])
    if name not in SIGNING_KEYS:
        sealed = operator("kms").encrypt(
            KeyId=key, Plaintext=b"x", EncryptionContext=context
        )["CiphertextBlob"]
    kms = as_role(function)("kms")
    bound = {"KeyId": key, "EncryptionContext": context}
    calls = {
        "Encrypt": lambda: kms.encrypt(**bound, Plaintext=b"x"),
        "Decrypt": lambda: kms.decrypt(**bound, CiphertextBlob=sealed),
        "GenerateDataKey": lambda: kms.generate_data_key(**bound, KeySpec="AES_256"),
        "Sign": lambda: kms.sign(KeyId=key, **signed),
        "GetPublicKey": lambda: kms.get_public_key(KeyId=key),
        "CreateGrant": lambda: kms.create_grant(
            KeyId=key, GranteePrincipal=_account(key), Operations=["DescribeKey"]
        ),
        "PutKeyPolicy": lambda: kms.put_key_policy(KeyId=key, Policy="{}"),
        "ScheduleKeyDeletion": lambda: kms.schedule_key_deletion(KeyId=key),
        "DescribeKey": lambda: kms.describe_key(KeyId=key),
        "GetKeyRotationStatus": lambda: kms.get_key_rotation_status(KeyId=key),
        "DisableKeyRotation": lambda: kms.disable_key_rotation(KeyId=key),
    }
    let_through = {action for action, call in calls.items() if not refused(call)}
    assert let_through == KEY_USES.get((function, name), set())


@pytest.mark.parametrize("name", SIGNING_KEYS)
def test_not_even_an_administrator_of_the_account_signs(
    name: str, administrator: Any, operator: Any, stack: dict[str, str]
) -> None:
    """The key itself refuses."""
    key = _key_arn(operator, stack, name)
    kms = administrator("kms")
    assert not refused(kms.get_public_key, KeyId=key)
    assert refused(kms.sign, KeyId=key, **SIGNING_KEYS[name])


@pytest.mark.parametrize("name", KEYS)
def test_not_even_an_administrator_of_the_account_destroys_a_key(
    name: str, administrator: Any, operator: Any, stack: dict[str, str]
) -> None:
    """The key itself refuses."""
    key = _key_arn(operator, stack, name)
    kms = administrator("kms")
    assert not refused(kms.describe_key, KeyId=key)
    # KMS takes no such number of days.
    assert refused(kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=1)
    assert refused(kms.disable_key, KeyId=key)


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
def test_only_the_sweep_tells_of_credentials(
    function: str, as_role: Any, outputs: dict[str, str]
) -> None:
    topic = outputs["LifecycleTopicArn"]
    may = function == "CredentialSweepFunction"
    told = {"Message": "permission test", "MessageGroupId": "permission-test"}
    told |= {"MessageDeduplicationId": f"permission-test-{function}"}
    sns = as_role(function)("sns")
    assert refused(sns.publish, TopicArn=topic, **told) is not may
    listener = {"Protocol": "sqs", "Endpoint": "arn:aws:sqs:us-east-1:0:nobody"}
    assert refused(sns.subscribe, TopicArn=topic, **listener)
    event = {"Source": "permission-test", "DetailType": "test", "Detail": "{}"}
    events = as_role(function)("events")
    assert refused(events.put_events, Entries=[event]) is not may


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
        # Secrets Manager asks whoever names it as what rotates a secret whether they may call it.
        names = (function, other) == ("CredentialSweepFunction", "rotation")
        alias = f"{name}:live"
        assert refused(role("lambda").invoke, FunctionName=alias) is not names, other
    assert refused(role("kms").list_keys)
    assert refused(role("iam").list_roles)
    assert refused(role("logs").create_log_group, logGroupName="/forged")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_logs_are_looked_after_by_the_guard_and_read_by_the_export(
    function: str, as_role: Any, stack: dict[str, str]
) -> None:
    logs = as_role(function)("logs")
    group = {"logGroupName": f"/aws/lambda/{stack['ENGINE_STACK']}-pricing"}
    other = {"logGroupName": "/aws/lambda/of-another-stack"}
    access = {"logGroupName": f"/aws/apigateway/{stack['ENGINE_STACK']}-access"}
    # CloudWatch takes no such number of days: what is let through changes nothing.
    days = {"retentionInDays": 2555}
    prefix = {"logGroupNamePrefix": group["logGroupName"]}
    guards = function == "RetentionGuardFunction"
    reads = function == "EvidenceExportFunction"
    assert refused(logs.describe_log_groups, **prefix) is not guards
    assert refused(logs.put_retention_policy, **group, **days) is not guards
    assert refused(logs.filter_log_events, **group) is not reads
    assert refused(logs.put_retention_policy, **other, **days)
    for unread in (other, access):
        assert refused(logs.filter_log_events, **unread), unread
    assert refused(logs.delete_retention_policy, **group)
    assert refused(logs.delete_log_group, **other)


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
