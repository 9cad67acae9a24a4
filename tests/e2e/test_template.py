"""What the templates promise: read from their text, no stack needed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = [
    ROOT / "template.yaml",
    ROOT / "infra" / "alarms.yaml",
    ROOT / "infra" / "edge.yaml",
    ROOT / "infra" / "trail.yaml",
]

# What PutRetentionPolicy takes, from CloudWatch Logs' API reference.
RETENTION_DAYS = [
    *[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731],
    *[1096, 1827, 2192, 2557, 2922, 3288, 3653],
]


class _Loader(yaml.SafeLoader):
    """CloudFormation's short forms: `!Ref x` becomes `{"Ref": "x"}`, `!Sub x` `{"Fn::Sub": "x"}`."""


def _intrinsic(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    build = {
        yaml.ScalarNode: loader.construct_scalar,
        yaml.SequenceNode: lambda n: loader.construct_sequence(n, deep=True),
        yaml.MappingNode: lambda n: loader.construct_mapping(n, deep=True),
    }[type(node)]
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    return {name: build(node)}


_Loader.add_multi_constructor("!", _intrinsic)


def load(path: Path) -> dict[str, Any]:
    return yaml.load(path.read_text(), _Loader)


TEMPLATE = load(TEMPLATES[0])


def of_type(kind: str, template: dict[str, Any] = TEMPLATE) -> dict[str, Any]:
    """Resources of a type, by logical id; of all templates where none is given would hide which one failed."""
    return {
        name: resource
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def everywhere(kind: str) -> list[Any]:
    return [
        pytest.param(resource, id=name)
        for path in TEMPLATES
        for name, resource in of_type(kind, load(path)).items()
    ]


FUNCTIONS = of_type("AWS::Serverless::Function")
ROLES = {
    name: function["Properties"]["Role"]["Fn::GetAtt"].removesuffix(".Arn")
    for name, function in FUNCTIONS.items()
}


def statements(function: str) -> Iterator[dict[str, Any]]:
    """All that a function's role may do: the role's own policies, and those that stand apart and name it."""
    role = ROLES[function]
    for policy in TEMPLATE["Resources"][role]["Properties"]["Policies"]:
        policy = policy["Fn::If"][1] if "Fn::If" in policy else policy
        yield from policy["PolicyDocument"]["Statement"]
    for policy in of_type("AWS::IAM::Policy").values():
        if {"Ref": role} in policy["Properties"]["Roles"]:
            yield from policy["Properties"]["PolicyDocument"]["Statement"]


def may(action: str, resource: str) -> set[str]:
    """The functions that may do this to that resource of the template, whatever the conditions."""
    return {
        function
        for function in FUNCTIONS
        for statement in statements(function)
        if action in listed(statement["Action"])
        and any(resource in json.dumps(r) for r in listed(statement["Resource"]))
    }


def leading_keys(function: str, action: str, table: str) -> list[str] | None:
    """The partitions of a table that a function's statement for this is bound to; None where it is bound to none."""
    for statement in statements(function):
        if action in listed(statement["Action"]) and table in json.dumps(
            statement["Resource"]
        ):
            bound = statement.get("Condition", {})
            kinds = ["ForAllValues:StringEquals", "ForAllValues:StringLike"]
            found = [bound[k]["dynamodb:LeadingKeys"] for k in kinds if k in bound]
            return found[0] if found else None
    raise AssertionError(f"{function} has no {action} on {table}")


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_retention_takes_exactly_what_cloudwatch_takes() -> None:
    parameter = TEMPLATE["Parameters"]["LogRetentionDays"]
    assert parameter["AllowedValues"] == RETENTION_DAYS
    assert parameter["Default"] == 2557
    assert 2555 not in parameter["AllowedValues"]


@pytest.mark.parametrize("group", everywhere("AWS::Logs::LogGroup"))
def test_a_log_group_has_retention_and_a_key(group: dict[str, Any]) -> None:
    properties = group["Properties"]
    assert properties["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert properties["KmsKeyId"] == {"Fn::GetAtt": "LogsKey.Arn"}


def test_every_function_logs_json_to_a_group_of_the_template() -> None:
    groups = of_type("AWS::Logs::LogGroup")
    assert TEMPLATE["Globals"]["Function"]["LoggingConfig"]["LogFormat"] == "JSON"
    used = {
        function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
        for function in FUNCTIONS.values()
    }
    assert used <= set(groups)
    assert len(used) == len(FUNCTIONS)


@pytest.mark.parametrize("table", everywhere("AWS::DynamoDB::Table"))
def test_a_table_is_encrypted_recoverable_and_protected(table: dict[str, Any]) -> None:
    properties = table["Properties"]
    assert properties["PointInTimeRecoverySpecification"] == {
        "PointInTimeRecoveryEnabled": True
    }
    assert properties["SSESpecification"] == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": {"Fn::GetAtt": "TablesKey.Arn"},
    }
    assert properties["DeletionProtectionEnabled"] == {"Ref": "DeletionProtection"}
    assert table["DeletionPolicy"] == "RetainExceptOnCreate"
    assert table["UpdateReplacePolicy"] == "Retain"


def test_the_record_has_one_form_and_a_stream_of_changes() -> None:
    properties = TEMPLATE["Resources"]["AuditTable"]["Properties"]
    assert "GlobalSecondaryIndexes" not in properties
    assert "LocalSecondaryIndexes" not in properties
    assert "TimeToLiveSpecification" not in properties
    assert properties["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}


@pytest.mark.parametrize("key", everywhere("AWS::KMS::Key"))
def test_a_key_outlives_its_stack(key: dict[str, Any]) -> None:
    assert key["DeletionPolicy"] == "RetainExceptOnCreate"
    assert key["UpdateReplacePolicy"] == "Retain"


# Key, its kind, who signs with it, and who else reads its public half.
SIGNING = [
    (
        *("TokenKey", "ECC_NIST_P256", "TokenFunction"),
        {"IssuerKeysFunction", "AuditSealFunction"},
    ),
    (
        *("LogKey", "ECC_NIST_EDWARDS25519", "AuditSealFunction"),
        {"AuditSealFunction"},
    ),
    (
        *("EvidenceKey", "ECC_NIST_EDWARDS25519", "EvidenceExportFunction"),
        {"EvidenceExportFunction"},
    ),
]


# Every key of the stack and what it is for, as its description says.
KEYS = {
    "TablesKey": "DynamoDB tables",
    "LogsKey": "log groups",
    "MarketFilesKey": "market data files",
    "RecordsKey": "the sealed log",
    "SecretsKey": "secrets",
    "FactorsKey": "second factors of people",
    "ContactsKey": "contacts of clients",
    "TokenKey": "access tokens",
    "LogKey": "checkpoints of the sealed log",
    "EvidenceKey": "manifests of evidence",
    "TrailKey": "CloudTrail",
}


def test_every_key_has_a_purpose_of_its_own() -> None:
    found = {**of_type("AWS::KMS::Key"), **of_type("AWS::KMS::Key", load(TEMPLATES[3]))}
    purposes = {
        name: key["Properties"]["Description"]["Fn::Sub"].split("}: ", 1)[1]
        for name, key in found.items()
    }
    assert set(purposes) == set(KEYS)
    for name, purpose in KEYS.items():
        assert purposes[name].startswith(purpose), name
    assert len(set(purposes.values())) == len(KEYS)


@pytest.mark.parametrize("key", everywhere("AWS::KMS::Key"))
def test_a_key_rotates_every_year_where_kms_can_rotate_it(key: dict[str, Any]) -> None:
    properties = key["Properties"]
    if properties.get("KeyUsage") == "SIGN_VERIFY":
        # KMS refuses: its successor is another key.
        assert not {"EnableKeyRotation", "RotationPeriodInDays"} & set(properties)
    else:
        assert properties["EnableKeyRotation"] is True
        assert properties["RotationPeriodInDays"] == 365
        # Material of one's own would not rotate.
        assert properties.get("Origin", "AWS_KMS") == "AWS_KMS"


def test_a_signing_key_has_an_alias_which_its_successor_takes_over() -> None:
    asymmetric = {
        name
        for name, key in of_type("AWS::KMS::Key").items()
        if key["Properties"].get("KeyUsage") == "SIGN_VERIFY"
    }
    assert asymmetric == {key for key, *_ in SIGNING}
    aliases = of_type("AWS::KMS::Alias").values()
    behind = {
        alias["Properties"]["TargetKeyId"]["Ref"]: alias["Properties"]["AliasName"]
        for alias in aliases
    }
    assert set(behind) == asymmetric
    for key, name in behind.items():
        purpose = key.removesuffix("Key").lower()
        assert name == {"Fn::Sub": f"alias/${{AWS::StackName}}-{purpose}"}


def denied_to_all_but(statement: dict[str, Any], function: str) -> None:
    """A refusal of everybody except a function's role, in both ways of naming who has taken it on."""
    role = ROLES[function]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert list(statement["Condition"]) == ["ArnNotLike"]
    excepted = statement["Condition"]["ArnNotLike"]["aws:PrincipalArn"]
    assert excepted[0] == {"Fn::GetAtt": f"{role}.Arn"}
    assert f"assumed-role/${{{role}}}/*" in excepted[1]["Fn::Sub"]
    assert len(excepted) == 2


@pytest.mark.parametrize(("key", "spec", "signs", "reads"), SIGNING)
def test_one_function_signs_with_a_key_whatever_other_policies_say(
    key: str, spec: str, signs: str, reads: set[str]
) -> None:
    signing = TEMPLATE["Resources"][key]["Properties"]
    assert (signing["KeyUsage"], signing["KeySpec"]) == ("SIGN_VERIFY", spec)
    assert may("kms:Sign", key) == {signs}
    assert may("kms:GetPublicKey", key) == reads
    policy = signing["KeyPolicy"]["Statement"]
    (deny,) = [s for s in policy if s["Action"] == "kms:Sign"]
    denied_to_all_but(deny, signs)


@pytest.mark.parametrize(
    ("parameter", "function", "variable"),
    [
        ("LogKeyPredecessorArn", "AuditSealFunction", "LOG_KEY_PREDECESSOR"),
        (
            *("EvidenceKeyPredecessorArn", "EvidenceExportFunction"),
            "EVIDENCE_KEY_PREDECESSOR",
        ),
    ],
)
def test_a_signing_key_is_succeeded_by_naming_the_one_before_it(
    parameter: str, function: str, variable: str
) -> None:
    assert TEMPLATE["Parameters"][parameter]["Default"] == ""
    variables = FUNCTIONS[function]["Properties"]["Environment"]["Variables"]
    assert variables[variable] == {"Ref": parameter}
    (named,) = [
        statement
        for statement in statements(function)
        if parameter in json.dumps(statement["Resource"])
    ]
    assert named["Action"] == ["kms:Sign", "kms:GetPublicKey"]
    condition, arn, otherwise = named["Resource"][1]["Fn::If"]
    assert (arn, otherwise) == ({"Ref": parameter}, {"Ref": "AWS::NoValue"})
    unset = TEMPLATE["Conditions"][condition]["Fn::Not"][0]["Fn::Equals"]
    assert unset == [{"Ref": parameter}, ""]
    assert may("kms:Sign", parameter) == {function}


def test_the_tokens_of_the_key_before_are_verified_as_long_as_it_is_named() -> None:
    assert TEMPLATE["Parameters"]["TokenKeyPredecessorArn"]["Default"] == ""
    mirrors = FUNCTIONS["IssuerKeysFunction"]["Properties"]["Environment"]["Variables"]
    assert mirrors["TOKEN_KEY_PREDECESSOR"] == {"Ref": "TokenKeyPredecessorArn"}
    # It is read, and signs no more.
    readers = may("kms:GetPublicKey", "TokenKeyPredecessorArn")
    assert readers == {"IssuerKeysFunction"}
    assert may("kms:Sign", "TokenKeyPredecessorArn") == set()


def but_the_root_and_a_deployment(condition: dict[str, Any]) -> None:
    """What a refusal leaves out: the account's root, and CloudFormation on somebody's behalf."""
    assert set(condition) == {"ArnNotEquals", "StringNotEquals"}
    root = condition["ArnNotEquals"]["aws:PrincipalArn"]["Fn::Sub"]
    assert root.endswith(":iam::${AWS::AccountId}:root")
    assert condition["StringNotEquals"] == {
        "aws:CalledViaLast": "cloudformation.amazonaws.com"
    }


@pytest.mark.parametrize("key", everywhere("AWS::KMS::Key"))
def test_a_key_is_destroyed_and_rescued_by_nobody_but_the_root(
    key: dict[str, Any],
) -> None:
    """What it encrypts is lost with it; what it signed is shown to be its by it. The root is two people."""
    policy = key["Properties"]["KeyPolicy"]["Statement"]
    (deny,) = [s for s in policy if "kms:ScheduleKeyDeletion" in listed(s["Action"])]
    assert (deny["Effect"], deny["Principal"]) == ("Deny", "*")
    assert set(deny["Action"]) == {
        f"kms:{action}"
        for action in (
            "ScheduleKeyDeletion",
            "CancelKeyDeletion",
            "DisableKey",
            "EnableKey",
        )
    }
    but_the_root_and_a_deployment(deny["Condition"])


def test_only_key_admin_publishes_notices_and_they_are_encrypted() -> None:
    assert may("sns:Publish", "NoticesTopic") == {"KeyAdminFunction"}
    topic = TEMPLATE["Resources"]["NoticesTopic"]["Properties"]
    assert topic["KmsMasterKeyId"] == {"Fn::GetAtt": "ContactsKey.Arn"}
    policy = TEMPLATE["Resources"]["NoticesTopicPolicy"]["Properties"]["PolicyDocument"]
    (deny,) = [s for s in policy["Statement"] if s["Effect"] == "Deny"]
    assert (deny["Principal"], deny["Action"]) == ("*", "sns:Publish")
    assert "KeyAdminRole" in json.dumps(deny["Condition"])


def test_only_the_sweep_tells_of_credentials_in_order_once_and_encrypted() -> None:
    assert may("sns:Publish", "LifecycleTopic") == {"CredentialSweepFunction"}
    topic = TEMPLATE["Resources"]["LifecycleTopic"]["Properties"]
    assert topic["TopicName"]["Fn::Sub"].endswith(".fifo")
    # What is told twice bears the same id. Two notices of the same words do not.
    assert (topic["FifoTopic"], topic["ContentBasedDeduplication"]) == (True, False)
    assert topic["KmsMasterKeyId"] == {"Fn::GetAtt": "ContactsKey.Arn"}
    policy = TEMPLATE["Resources"]["LifecycleTopicPolicy"]["Properties"]
    statements = policy["PolicyDocument"]["Statement"]
    (deny,) = [s for s in statements if s["Effect"] == "Deny"]
    assert (deny["Action"], deny["Resource"]) == (
        "sns:Publish",
        {"Ref": "LifecycleTopic"},
    )
    denied_to_all_but(deny, "CredentialSweepFunction")
    assert may("events:PutEvents", "event-bus/default") == {"CredentialSweepFunction"}


def test_the_keys_by_which_tokens_are_verified_have_one_writer() -> None:
    for action in ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"]:
        writers = may(action, "IssuersTable")
        assert writers <= {"IssuerKeysFunction"}, action
    assert may("dynamodb:PutItem", "IssuersTable") == {"IssuerKeysFunction"}


def test_who_holds_which_role_is_changed_by_key_admin_alone() -> None:
    assert may("dynamodb:PutItem", "PeopleTable") == {"KeyAdminFunction"}
    of_accounts = {"TokenFunction", "RotationFunction"}
    # The sweep takes away: what ended, and accounts that nobody uses.
    writers = {"KeyAdminFunction", "CredentialSweepFunction", *of_accounts}
    assert may("dynamodb:UpdateItem", "PeopleTable") == writers
    for function in of_accounts:
        noted = leading_keys(function, "dynamodb:UpdateItem", "PeopleTable")
        assert noted == ["service_accounts"]


@pytest.mark.parametrize(
    "function", ["PricingFunction", "TokenFunction", "EvidenceExportFunction"]
)
def test_of_people_a_function_reads_what_it_judges_them_by(function: str) -> None:
    """Second factors are read where they are judged. The emulator cannot judge this; AWS does."""
    needed = {
        "PricingFunction": ["principals", "service_accounts"],
        "TokenFunction": ["service_accounts", "bootstrap"],
        "EvidenceExportFunction": ["principals", "service_accounts", "persons"],
    }
    read = leading_keys(function, "dynamodb:GetItem", "PeopleTable")
    assert read == needed[function]


def test_a_function_counts_only_what_it_judges() -> None:
    counted = ["failures#*", "refusals*"]
    table = ("dynamodb:PutItem", "GuardTable")
    assert leading_keys("PricingFunction", *table) == counted
    assert leading_keys("IssuerKeysFunction", *table) == ["refusals*"]
    assert leading_keys("TokenFunction", *table) == [*counted, "step-up#bootstrap"]
    of_export = [*counted, "step-up#*", "once#*"]
    assert leading_keys("EvidenceExportFunction", *table) == of_export


def test_the_right_to_use_a_key_is_bound_to_what_it_is_used_for() -> None:
    assert TEMPLATE["Parameters"]["RequireEncryptionContext"]["Default"] == "true"
    purposes = {}
    for function in FUNCTIONS:
        for statement in statements(function):
            if "Fn::If" in (bound := statement.get("Condition", {})):
                condition, when_true, _ = bound["Fn::If"]
                assert condition == "HasEncryptionContext"
                purposes[function, statement["Sid"]] = when_true["StringEquals"]
    totp = {"kms:EncryptionContext:purpose": "totp"}
    contact = {"kms:EncryptionContext:purpose": "contact"}
    assert purposes == {
        ("KeyAdminFunction", "UseFactorsKey"): totp,
        ("KeyAdminFunction", "UseContactsKey"): contact,
        ("EvidenceExportFunction", "UseFactorsKey"): totp,
        ("CredentialSweepFunction", "OpenContacts"): contact,
    }
    judges = {"KeyAdminFunction", "EvidenceExportFunction"}
    assert may("kms:Decrypt", "FactorsKey") == judges
    assert may("kms:Encrypt", "FactorsKey") == {"KeyAdminFunction"}
    told_by = {"KeyAdminFunction", "CredentialSweepFunction"}
    assert may("kms:Decrypt", "ContactsKey") == told_by


def test_a_service_accounts_secret_is_made_by_one_and_read_by_those_who_rotate_it() -> (
    None
):
    rotate = {"RotationFunction", "CredentialSweepFunction"}
    expected = {
        "CreateSecret": {"KeyAdminFunction"},
        "PutSecretValue": {"KeyAdminFunction", *rotate},
        "GetSecretValue": rotate,
        "UpdateSecretVersionStage": rotate,
        "RotateSecret": {"CredentialSweepFunction"},
        "DeleteSecret": set(),
    }
    for action, who in expected.items():
        assert may(f"secretsmanager:{action}", "/service-accounts/*") == who, action


STACK_SECRETS = ["ActorKeySecret", "ReferenceKeySecret", "BootstrapTotpSecret"]


@pytest.mark.parametrize("secret", STACK_SECRETS)
def test_a_secret_of_the_stack_has_another_value_from_the_rotation_only(
    secret: str,
) -> None:
    for action in ["PutSecretValue", "UpdateSecretVersionStage"]:
        assert may(f"secretsmanager:{action}", secret) == {"RotationFunction"}, action
    # On compromise only, by people, where the references of records are made with it.
    assert may("secretsmanager:RotateSecret", secret) == set()


def test_the_bootstrap_secret_rotates_every_90_days_and_not_because_of_a_deployment() -> (
    None
):
    (schedule,) = of_type("AWS::SecretsManager::RotationSchedule").values()
    assert TEMPLATE["Parameters"]["RotationSchedules"]["Default"] == "true"
    assert schedule["Condition"] == "HasRotationSchedules"
    assert schedule["Properties"] == {
        "SecretId": {"Ref": "BootstrapTotpSecret"},
        "RotationLambdaARN": {"Ref": "RotationFunction.Alias"},
        "RotateImmediatelyOnUpdate": False,
        "RotationRules": {"AutomaticallyAfterDays": 90},
    }
    # Secrets Manager tries the function as soon as it is named.
    assert schedule["DependsOn"] == "SecretsManagerRotates"


def test_secrets_manager_calls_the_rotation_and_only_for_this_account() -> None:
    permission = TEMPLATE["Resources"]["SecretsManagerRotates"]["Properties"]
    assert permission == {
        "FunctionName": {"Ref": "RotationFunction.Alias"},
        "Action": "lambda:InvokeFunction",
        "Principal": "secretsmanager.amazonaws.com",
        "SourceAccount": {"Ref": "AWS::AccountId"},
    }
    # Whoever puts a schedule must be able to call what it names.
    called = may("lambda:InvokeFunction", "RotationFunction.Alias")
    assert called == {"CredentialSweepFunction"}


def test_secrets_are_replicated_where_a_second_region_is_named() -> None:
    for parameter in ["ReplicaRegion", "ReplicaKeyArn"]:
        assert TEMPLATE["Parameters"][parameter]["Default"] == ""
    there = {"Region": {"Ref": "ReplicaRegion"}, "KmsKeyId": {"Ref": "ReplicaKeyArn"}}
    for secret in STACK_SECRETS:
        regions = TEMPLATE["Resources"][secret]["Properties"]["ReplicaRegions"]
        expected = ["HasReplicas", [there], {"Ref": "AWS::NoValue"}]
        assert regions == {"Fn::If": expected}, secret
    admin = FUNCTIONS["KeyAdminFunction"]["Properties"]["Environment"]["Variables"]
    assert admin["SECRETS_REPLICA_REGION"] == there["Region"]
    assert admin["SECRETS_REPLICA_KEY"] == there["KmsKeyId"]
    action = "secretsmanager:ReplicateSecretToRegions"
    assert may(action, "/service-accounts/*") == {"KeyAdminFunction"}
    # Whoever puts a value has it encrypted in both regions.
    puts = {"KeyAdminFunction", "RotationFunction", "CredentialSweepFunction"}
    assert may("kms:GenerateDataKey", "ReplicaKeyArn") == puts
    assert may("kms:Decrypt", "ReplicaKeyArn") == set()


def test_the_bootstrap_secret_can_only_be_base32() -> None:
    generated = TEMPLATE["Resources"]["BootstrapTotpSecret"]["Properties"][
        "GenerateSecretString"
    ]
    printable = {chr(code) for code in range(ord("!"), ord("~") + 1)}
    left = printable - set(generated["ExcludeCharacters"])
    assert "".join(sorted(left)) == "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert generated["PasswordLength"] == 32
    assert generated["RequireEachIncludedType"] is False
    assert generated.get("IncludeSpace", False) is False


def test_market_data_is_known_to_those_who_price_and_import() -> None:
    who = {
        name
        for name, function in FUNCTIONS.items()
        if "MARKET_TABLE" in function["Properties"]["Environment"]["Variables"]
    }
    assert who == {"PricingFunction", "MarketDataFunction"}
    assert "MARKET_TABLE" not in json.dumps(TEMPLATE["Globals"])
    for action in ["GetItem", "Query", "PutItem"]:
        assert may(f"dynamodb:{action}", "MarketTable") <= who, action


def test_counters_and_finished_requests_go_by_themselves() -> None:
    tables = of_type("AWS::DynamoDB::Table")
    expiring = {
        name: table["Properties"]["TimeToLiveSpecification"]
        for name, table in tables.items()
        if "TimeToLiveSpecification" in table["Properties"]
    }
    by_itself = {"AttributeName": "expires", "Enabled": True}
    assert expiring == {"GuardTable": by_itself, "RotationsTable": by_itself}


def test_keys_that_have_something_due_are_found_without_reading_the_table() -> None:
    (index,) = TEMPLATE["Resources"]["KeysTable"]["Properties"][
        "GlobalSecondaryIndexes"
    ]
    assert index == {
        "IndexName": "due",
        "KeySchema": [
            {"AttributeName": "due_shard", "KeyType": "HASH"},
            {"AttributeName": "due_at", "KeyType": "RANGE"},
        ],
        # Nothing that a request updates: its update costs nothing here.
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    assert may("dynamodb:Query", "/index/due") == {"CredentialSweepFunction"}
    # The table itself has one key an item: nobody queries or scans it.
    assert may("dynamodb:Query", '"KeysTable.Arn"') == set()
    assert may("dynamodb:Scan", "KeysTable") == set()


def test_the_trail_sees_keys_used_and_people_changed() -> None:
    trail = of_type("AWS::CloudTrail::Trail", load(ROOT / "infra" / "trail.yaml"))
    selectors = trail["Trail"]["Properties"]["AdvancedEventSelectors"]
    fields = [
        {f["Field"]: f.get("Equals") for f in selector["FieldSelectors"]}
        for selector in selectors
    ]
    # No condition beside the category: KMS and Secrets Manager included.
    assert {"eventCategory": ["Management"]} in fields
    watched = [f for f in fields if f.get("readOnly") == ["false"]]
    assert watched[0]["resources.ARN"] == [
        {"Ref": "PeopleTableArn"},
        {"Ref": "IssuersTableArn"},
    ]


@pytest.mark.parametrize("bucket", everywhere("AWS::S3::Bucket"))
def test_a_bucket_is_private_versioned_and_encrypted(bucket: dict[str, Any]) -> None:
    properties = bucket["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rules[0]["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"


def test_every_function_has_a_role_of_its_own() -> None:
    assert len(set(ROLES.values())) == len(FUNCTIONS) == 10


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_names_what_it_may_do_and_to_what(function: str) -> None:
    for statement in statements(function):
        actions = listed(statement["Action"])
        assert not [action for action in actions if "*" in action], statement["Sid"]
        # Of these there is nothing to name.
        of_all = all(
            action.startswith("xray:") or action == "logs:DescribeLogGroups"
            for action in actions
        )
        assert ("*" in listed(statement["Resource"])) is of_all, statement["Sid"]


def test_each_statement_says_why() -> None:
    lines = TEMPLATES[0].read_text().splitlines()
    sids = {s["Sid"] for function in FUNCTIONS for s in statements(function)}
    in_roles = [
        (number, line)
        for number, line in enumerate(lines)
        if line.strip().removeprefix("- Sid: ") in sids - {"Trace"}
    ]
    assert len(in_roles) > 75
    for number, line in in_roles:
        above = lines[number - 1].strip()
        assert above.startswith("#"), f"line {number + 1}: {line.strip()}"


def test_the_environment_names_things_and_holds_no_secret() -> None:
    """Values come from references and names; a literal must be one of these few."""
    harmless = {"true", "false"}
    # What a token is for, and which keys sign it; which secrets there are, where they are copied to and what encrypts them.
    of_tokens = {"TOKEN_AUDIENCE", "TOKEN_KEY", "TOKEN_KEY_PREDECESSOR"}
    of_secrets = {"SECRETS_REPLICA_REGION", "SECRETS_REPLICA_KEY"}
    of_secrets |= {"STACK_SECRETS"}
    declared = [TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]]
    for function in FUNCTIONS.values():
        declared.append(function["Properties"]["Environment"]["Variables"])
    for variables in declared:
        for name, value in variables.items():
            text = json.dumps(value)
            assert "resolve:secretsmanager" not in text, name
            assert "SecretString" not in text, name
            assert not isinstance(value, str) or value in harmless, name
            if name in of_tokens | of_secrets:
                continue
            if re.search("SECRET|PASSWORD|TOKEN|CREDENTIAL", name):
                assert name.endswith("_SECRET")
                assert value["Fn::GetAtt"].endswith(".Id"), f"{name} is not an ARN"


def test_no_parameter_takes_a_secret() -> None:
    for name, parameter in TEMPLATE["Parameters"].items():
        if parameter.get("AllowedPattern", "").startswith("|arn:"):
            continue
        assert not re.search("secret|password|token|apikey", name, re.IGNORECASE)


def test_the_sealed_log_is_locked_for_seven_years_unless_told_otherwise() -> None:
    parameters = TEMPLATE["Parameters"]
    assert parameters["RecordsLockMode"]["Default"] == "COMPLIANCE"
    assert parameters["RecordsLockMode"]["AllowedValues"] == [
        "COMPLIANCE",
        "GOVERNANCE",
    ]
    assert parameters["RecordsLockDays"]["Default"] == 2557
    bucket = TEMPLATE["Resources"]["RecordsBucket"]["Properties"]
    assert bucket["ObjectLockEnabled"] is True
    assert bucket["ObjectLockConfiguration"] == {
        "ObjectLockEnabled": "Enabled",
        "Rule": {
            "DefaultRetention": {
                "Mode": {"Ref": "RecordsLockMode"},
                "Days": {"Ref": "RecordsLockDays"},
            }
        },
    }
    # An uploaded part is no object yet: it is all that goes by itself.
    for rule in bucket["LifecycleConfiguration"]["Rules"]:
        assert set(rule) == {"Id", "Status", "AbortIncompleteMultipartUpload"}


def bucket_policy(name: str) -> dict[str, dict[str, Any]]:
    """Statements of a bucket's policy by Sid; those that hold where the endpoint is AWS included."""
    policy = TEMPLATE["Resources"][name]
    assert "Condition" not in policy, "most of it holds on an emulator too"
    listed = policy["Properties"]["PolicyDocument"]["Statement"]
    plain = [s["Fn::If"][1] if "Fn::If" in s else s for s in listed]
    return {statement["Sid"]: statement for statement in plain}


def test_nobody_deletes_unlocks_or_writes_over_an_object_of_the_sealed_log() -> None:
    policy = bucket_policy("RecordsBucketPolicy")
    assert {statement["Effect"] for statement in policy.values()} == {"Deny"}
    unlock = policy["NobodyUnlocksOrDeletes"]
    assert set(unlock["Action"]) == {
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:BypassGovernanceRetention",
        "s3:PutObjectRetention",
        "s3:PutObjectLegalHold",
    }
    excepted = unlock["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]["Fn::Sub"]
    assert excepted.endswith(":iam::${AWS::AccountId}:root")
    loosen = policy["NobodyLoosensTheBucket"]
    assert set(loosen["Action"]) == {
        "s3:PutBucketObjectLockConfiguration",
        "s3:PutBucketVersioning",
        "s3:PutLifecycleConfiguration",
        "s3:PutEncryptionConfiguration",
        "s3:PutBucketPolicy",
        "s3:DeleteBucketPolicy",
    }
    assert loosen["Resource"] == {"Fn::GetAtt": "RecordsBucket.Arn"}
    but_the_root_and_a_deployment(loosen["Condition"])
    assert policy["OnlyWhatIsNotThereYet"]["Action"] == "s3:PutObject"
    assert policy["OnlyWhatIsNotThereYet"]["Condition"] == {
        "Null": {"s3:if-none-match": "true"},
        "Bool": {"s3:ObjectCreationOperation": "true"},
    }
    assert TEMPLATE["Parameters"]["RequireConditionalPuts"]["Default"] == "true"
    assert {"TlsOnly", "Tls12OrNewer"} <= set(policy)


def test_each_part_of_the_sealed_log_has_one_writer() -> None:
    written = {
        "OnlyTheSealWritesTheLog": (
            *("RecordsBucket", "AuditSealFunction"),
            *("tile", "bodies", "checkpoints", "anchors", "keys/log", "keys/token"),
        ),
        "OnlyTheExportWritesItsNotes": (
            *("RecordsBucket", "EvidenceExportFunction", "notes", "keys/evidence"),
        ),
        "OnlyTheImportWritesReferences": (
            *("RecordsBucket", "MarketDataFunction", "references"),
        ),
        "OnlyTheSealWritesTheEdge": (
            *("WorkBucket", "AuditSealFunction", "tile", "batches"),
        ),
        "OnlyTheExportWritesBundles": (
            *("WorkBucket", "EvidenceExportFunction", "exports"),
        ),
    }
    for sid, (bucket, function, *folders) in written.items():
        deny = bucket_policy(f"{bucket}Policy")[sid]
        denied_to_all_but(deny, function)
        assert deny["Action"] == "s3:PutObject"
        assert deny["Resource"] == [
            {"Fn::Sub": f"${{{bucket}.Arn}}/{folder}/*"} for folder in folders
        ]
        for folder in folders:
            path = f"{bucket}.Arn}}/{folder}/*"
            assert may("s3:PutObject", path) == {function}, path
    writers = {"AuditSealFunction", "EvidenceExportFunction", "MarketDataFunction"}
    assert may("s3:PutObject", "RecordsBucket") == writers
    assert {"TlsOnly", "Tls12OrNewer"} <= set(bucket_policy("WorkBucketPolicy"))
    for action in ["DeleteObject", "DeleteObjectVersion", "PutObjectRetention"]:
        assert may(f"s3:{action}", "RecordsBucket") == set(), action


def test_what_the_log_can_make_again_goes_by_itself_and_nothing_else_does() -> None:
    work = TEMPLATE["Resources"]["WorkBucket"]["Properties"]
    expiring = {
        rule["Prefix"]: rule["ExpirationInDays"]
        for rule in work["LifecycleConfiguration"]["Rules"]
        if "ExpirationInDays" in rule
    }
    assert expiring == {"tile/": 35, "batches/": 35, "exports/": 30}
    # Longer than the day in which the control total writes the log's edge anew.
    assert min(expiring.values()) > 1


def test_the_record_is_read_by_who_seals_it_and_the_log_written_by_nobody_else() -> (
    None
):
    sealer = {"AuditSealFunction"}
    for action in ["GetItem", "BatchGetItem", "Query"]:
        assert may(f"dynamodb:{action}", "AuditTable") == sealer, action
    assert may("dynamodb:GetRecords", "AuditTable") == sealer
    for action in ["UpdateItem", "DeleteItem", "BatchWriteItem"]:
        assert may(f"dynamodb:{action}", "AuditTable") == set(), action
    for action in ["PutItem", "UpdateItem", "BatchWriteItem"]:
        assert may(f"dynamodb:{action}", "LogTable") == sealer, action
    assert may("dynamodb:Query", "LogTable") == {*sealer, "EvidenceExportFunction"}
    assert may("dynamodb:DeleteItem", "LogTable") == set()


def events_of(function: str, kind: str) -> list[dict[str, Any]]:
    events = FUNCTIONS[function]["Properties"]["Events"].values()
    return [event["Properties"] for event in events if event["Type"] == kind]


def test_sealing_reads_all_of_the_stream_and_gives_up_while_it_can_still_be_read() -> (
    None
):
    (stream,) = events_of("AuditSealFunction", "DynamoDB")
    assert stream["Stream"] == {"Fn::GetAtt": "AuditTable.StreamArn"}
    assert stream["StartingPosition"] == "TRIM_HORIZON"
    assert (stream["BatchSize"], stream["MaximumBatchingWindowInSeconds"]) == (1000, 5)
    assert stream["BisectBatchOnFunctionError"] is True
    assert stream["MaximumRetryAttempts"] == -1
    assert stream["MaximumRecordAgeInSeconds"] < 24 * 3600
    # A change of an entry is what the stream alone tells of: nothing of it is filtered out.
    assert "FilterCriteria" not in stream
    (schedule,) = events_of("AuditSealFunction", "Schedule")
    assert schedule["Schedule"] == "rate(1 minute)"


def test_an_export_is_one_invocation_and_starts_once() -> None:
    (stream,) = events_of("EvidenceExportFunction", "DynamoDB")
    assert stream["Stream"] == {"Fn::GetAtt": "ExportsTable.StreamArn"}
    assert stream["StartingPosition"] == "TRIM_HORIZON"
    assert stream["BatchSize"] == 1
    (pattern,) = stream["FilterCriteria"]["Filters"]
    assert json.loads(pattern["Pattern"]) == {"eventName": ["INSERT"]}
    assert FUNCTIONS["EvidenceExportFunction"]["Properties"]["Timeout"] == 900
    # Five beginnings of that length, and what their leases take to run out.
    assert stream["MaximumRecordAgeInSeconds"] > 5 * (900 + 120)


def test_an_emergency_starts_its_own_work_and_nothing_else_in_the_table_does() -> None:
    (stream,) = events_of("CredentialSweepFunction", "DynamoDB")
    assert stream["Stream"] == {"Fn::GetAtt": "RotationsTable.StreamArn"}
    assert stream["StartingPosition"] == "TRIM_HORIZON"
    assert stream["BatchSize"] == 1
    (pattern,) = stream["FilterCriteria"]["Filters"]
    assert json.loads(pattern["Pattern"]) == {
        "eventName": ["INSERT"],
        "dynamodb": {"Keys": {"pk": {"S": ["emergency"]}}},
    }
    # What it does not end, the schedule resumes.
    (schedule,) = events_of("CredentialSweepFunction", "Schedule")
    assert schedule["Schedule"] == "rate(15 minutes)"
    assert FUNCTIONS["CredentialSweepFunction"]["Properties"]["Timeout"] == 900
    # Who asks, and who does it.
    table = "RotationsTable"
    asks = {"KeyAdminFunction", "CredentialSweepFunction"}
    assert may("dynamodb:PutItem", table) == asks
    noted = leading_keys("RotationFunction", "dynamodb:UpdateItem", table)
    assert noted == ["register"]
    assert may("dynamodb:DeleteItem", table) == {"CredentialSweepFunction"}


@pytest.mark.parametrize(
    "function",
    ["AuditSealFunction", "EvidenceExportFunction", "CredentialSweepFunction"],
)
def test_records_of_a_stream_that_are_given_up_are_told_of(function: str) -> None:
    (stream,) = events_of(function, "DynamoDB")
    queue = stream["DestinationConfig"]["OnFailure"]["Destination"]
    assert queue == {"Fn::GetAtt": "FailedStreamRecords.Arn"}
    assert function in may("sqs:SendMessage", "FailedStreamRecords")


def joined(value: dict[str, Any]) -> set[str]:
    """The resources of a list with commas between them, in which there may be another."""
    separator, named = value["Fn::Join"]
    assert separator == ","
    return {
        name
        for each in named
        for name in (joined(each) if "Fn::Join" in each else {each["Ref"]})
    }


def test_every_log_group_is_guarded_and_those_of_functions_are_searched() -> None:
    groups = set(of_type("AWS::Logs::LogGroup"))
    guard, export = (
        FUNCTIONS[function]["Properties"]["Environment"]["Variables"]
        for function in ("RetentionGuardFunction", "EvidenceExportFunction")
    )
    assert joined(guard["LOG_GROUPS"]) == groups
    # The request ids in there are API Gateway's.
    assert joined(export["LOG_GROUPS"]) == groups - {"ApiAccessLogs"}
    prefixes = guard["LOG_GROUP_PREFIXES"]["Fn::Sub"].split(",")
    for group in of_type("AWS::Logs::LogGroup").values():
        name = group["Properties"]["LogGroupName"]["Fn::Sub"]
        assert name.startswith(tuple(prefixes)), name
    assert guard["LOGS_KEY"] == {"Fn::GetAtt": "LogsKey.Arn"}
    (schedule,) = events_of("RetentionGuardFunction", "Schedule")
    assert schedule["Schedule"] == "rate(1 hour)"


def test_the_lock_of_the_sealed_log_is_compared_with_what_the_stack_says() -> None:
    told = FUNCTIONS["RetentionGuardFunction"]["Properties"]["Environment"]["Variables"]
    assert told["RECORDS_BUCKET"] == {"Ref": "RecordsBucket"}
    assert told["RECORDS_LOCK_MODE"] == {"Ref": "RecordsLockMode"}
    assert told["RECORDS_LOCK_DAYS"] == {"Ref": "RecordsLockDays"}
    for action in ["GetBucketObjectLockConfiguration", "GetBucketVersioning"]:
        assert may(f"s3:{action}", "RecordsBucket") == {"RetentionGuardFunction"}
    for action in ["PutBucketObjectLockConfiguration", "PutBucketVersioning"]:
        assert may(f"s3:{action}", "RecordsBucket") == set(), action


def test_retention_is_lengthened_by_the_guard_and_logs_are_read_by_the_export() -> None:
    guard, export = {"RetentionGuardFunction"}, {"EvidenceExportFunction"}
    group = "log-group:/aws/lambda/${AWS::StackName}-*"
    assert may("logs:PutRetentionPolicy", group) == guard
    assert may("logs:DescribeLogGroups", "*") == guard
    assert may("logs:FilterLogEvents", group) == export
    assert may("logs:FilterLogEvents", "log-group:/aws/apigateway") == set()
    for action in ["DeleteRetentionPolicy", "DeleteLogGroup", "GetLogEvents"]:
        assert may(f"logs:{action}", "log-group") == set(), action


def test_what_api_gateway_answers_itself_is_a_problem_document() -> None:
    api = TEMPLATE["Resources"]["Api"]["Properties"]
    expected = {
        "Cache-Control",
        "Content-Security-Policy",
        "Content-Type",
        "Referrer-Policy",
        "Strict-Transport-Security",
        "X-Content-Type-Options",
        "X-Frame-Options",
    }
    for kind, response in api["GatewayResponses"].items():
        headers = response["ResponseParameters"]["Headers"]
        assert headers["Content-Type"] == "'application/problem+json'", kind
        assert expected <= set(headers), kind
        body = json.loads(response["ResponseTemplates"]["application/json"])
        assert {"type", "title", "detail", "code", "request_id"} <= set(body), kind
        assert body["request_id"] == "$context.requestId"
        status = response.get("StatusCode")
        assert str(body.get("status")) == str(status), kind
        assert ("Retry-After" in headers) is (status in ("429", "503")), kind


def test_api_gateway_keeps_requests_out_of_its_logs() -> None:
    api = TEMPLATE["Resources"]["Api"]["Properties"]
    for settings in api["MethodSettings"]:
        assert settings["DataTraceEnabled"] is False
        assert settings["LoggingLevel"] == "OFF"
    logged = api["AccessLogSetting"]["Format"]
    assert "header" not in logged.lower()
    assert set(json.loads(logged)) >= {"request_id", "status", "ip", "latency_ms"}
    assert api["SecurityPolicy"].startswith("SecurityPolicy_TLS13_1_2")


def test_alarms_watch_errors_latency_throttles_and_storage() -> None:
    alarms = of_type("AWS::CloudWatch::Alarm", load(TEMPLATES[1]))
    watched = {alarm["Properties"]["MetricName"] for alarm in alarms.values()}
    assert {"Errors", "Duration", "Throttles", "5XXError", "Latency"} <= watched
    assert {"SystemErrors", "ApproximateNumberOfMessagesVisible"} <= watched
    failing = json.dumps(
        [
            alarm["Properties"]["Dimensions"]
            for alarm in alarms.values()
            if alarm["Properties"]["MetricName"] == "Errors"
        ]
    )
    for function in FUNCTIONS.values():
        name = function["Properties"]["FunctionName"]["Fn::Sub"]
        own = name.replace("AWS::StackName", "StackName")
        assert json.dumps({"Fn::Sub": own}) in failing, name
    names = {alarm["Properties"]["AlarmName"]["Fn::Sub"] for alarm in alarms.values()}
    canary = TEMPLATE["Resources"]["PricingFunction"]["Properties"][
        "DeploymentPreference"
    ]
    rollback = {
        alarm["Fn::Sub"].replace("AWS::StackName", "StackName")
        for alarm in canary["Alarms"]
    }
    assert rollback <= names


def test_people_hear_of_security_events_and_of_answers_that_failed() -> None:
    """Every failure is an answer, so Lambda's own count of errors stays at nothing."""
    alarms = load(TEMPLATES[1])
    counted = {
        (
            found["Properties"]["LogGroupName"]["Fn::Sub"].rsplit("}-", 1)[1],
            found["Properties"]["FilterPattern"],
        )
        for found in of_type("AWS::Logs::MetricFilter", alarms).values()
    }
    told = ("pricing", "key-admin", "token", "evidence-export", "retention-guard")
    for function in told:
        assert (function, '{ $.event_type = "SECURITY_EVENT" }') in counted
    for function in ("key-admin", "token", "evidence-export"):
        assert (function, "{ $.details.http_status >= 500 }") in counted
    late = '$.details.reason {} "unsealed_entry"'
    critical = f'{{ ($.event_type = "SECURITY_EVENT") && ({late.format("!=")}) }}'
    assert ("audit-seal", critical) in counted
    assert ("audit-seal", f"{{ {late.format('=')} }}") in counted
    failed = '{ ($.action = "evidence.export") && ($.status = "FAILURE") }'
    assert ("evidence-export", failed) in counted
    due = '{ ($.action = "credential.sweep") && ($.details.found_due > 0) }'
    assert ("credential-sweep", due) in counted
    cut_off = '{ ($.action = "rotation.complete") && ($.status = "FAILURE") }'
    assert ("credential-sweep", cut_off) in counted
    watched = {
        alarm["Properties"]["MetricName"]
        for alarm in of_type("AWS::CloudWatch::Alarm", alarms).values()
    }
    for found in of_type("AWS::Logs::MetricFilter", alarms).values():
        [transformation] = found["Properties"]["MetricTransformations"]
        assert transformation["MetricName"] in watched


def test_the_trail_names_who_asked_for_a_bootstrap_token_and_who_wrote_a_credential() -> (
    None
):
    trail = of_type("AWS::CloudTrail::Trail", load(TEMPLATES[3]))["Trail"]
    text = json.dumps(trail["Properties"]["AdvancedEventSelectors"])
    for written in ("keys", "clients", "guard", "rotations"):
        assert f":table/${{StackName}}-{written}" in text
    assert ":function:${StackName}-token" in text


def test_the_trail_sees_who_touches_the_sealed_log() -> None:
    trail = of_type("AWS::CloudTrail::Trail", load(TEMPLATES[3]))["Trail"]
    selectors = trail["Properties"]["AdvancedEventSelectors"]
    for bucket in ["RecordsBucketArn", "WorkBucketArn"]:
        (watched,) = [s for s in selectors if bucket in json.dumps(s)]
        fields = {field["Field"]: field for field in watched["FieldSelectors"]}
        assert fields["resources.type"]["Equals"] == ["AWS::S3::Object"]
        assert "readOnly" not in fields, "reads too: whoever reads the log is known"
    passed = TEMPLATE["Resources"]["Trail"]["Properties"]["Parameters"]
    assert passed["WorkBucketArn"] == {"Fn::GetAtt": "WorkBucket.Arn"}
