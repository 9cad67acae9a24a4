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


def test_every_key_rotates_but_the_one_that_kms_cannot_rotate() -> None:
    keys = [*of_type("AWS::KMS::Key").items()]
    keys += of_type("AWS::KMS::Key", load(ROOT / "infra" / "trail.yaml")).items()
    still = [k for k, v in keys if v["Properties"].get("EnableKeyRotation") is not True]
    assert still == ["TokenKey"]
    signing = TEMPLATE["Resources"]["TokenKey"]["Properties"]
    assert signing["KeyUsage"] == "SIGN_VERIFY"
    assert signing["KeySpec"] == "ECC_NIST_P256"


def test_only_the_token_function_signs_whatever_other_policies_say() -> None:
    assert may("kms:Sign", "TokenKey") == {"TokenFunction"}
    assert may("kms:GetPublicKey", "TokenKey") == {"IssuerKeysFunction"}
    policy = TEMPLATE["Resources"]["TokenKey"]["Properties"]["KeyPolicy"]
    (deny,) = [s for s in policy["Statement"] if s["Effect"] == "Deny"]
    assert (deny["Principal"], deny["Action"]) == ("*", "kms:Sign")
    assert list(deny["Condition"]) == ["ArnNotLike"]
    excepted = deny["Condition"]["ArnNotLike"]["aws:PrincipalArn"]
    assert excepted[0] == {"Fn::GetAtt": f"{ROLES['TokenFunction']}.Arn"}
    assert "assumed-role/${TokenRole}/*" in excepted[1]["Fn::Sub"]
    assert len(excepted) == 2


def test_only_key_admin_publishes_notices_and_they_are_encrypted() -> None:
    assert may("sns:Publish", "NoticesTopic") == {"KeyAdminFunction"}
    topic = TEMPLATE["Resources"]["NoticesTopic"]["Properties"]
    assert topic["KmsMasterKeyId"] == {"Fn::GetAtt": "ContactsKey.Arn"}
    policy = TEMPLATE["Resources"]["NoticesTopicPolicy"]["Properties"]["PolicyDocument"]
    (deny,) = [s for s in policy["Statement"] if s["Effect"] == "Deny"]
    assert (deny["Principal"], deny["Action"]) == ("*", "sns:Publish")
    assert "KeyAdminRole" in json.dumps(deny["Condition"])


def test_the_keys_by_which_tokens_are_verified_have_one_writer() -> None:
    for action in ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"]:
        writers = may(action, "IssuersTable")
        assert writers <= {"IssuerKeysFunction"}, action
    assert may("dynamodb:PutItem", "IssuersTable") == {"IssuerKeysFunction"}


def test_who_holds_which_role_is_changed_by_key_admin_alone() -> None:
    assert may("dynamodb:PutItem", "PeopleTable") == {"KeyAdminFunction"}
    writers = {"KeyAdminFunction", "TokenFunction"}
    assert may("dynamodb:UpdateItem", "PeopleTable") == writers
    noted = leading_keys("TokenFunction", "dynamodb:UpdateItem", "PeopleTable")
    assert noted == ["service_accounts"]


@pytest.mark.parametrize("function", ["PricingFunction", "TokenFunction"])
def test_second_factors_are_read_by_key_admin_alone(function: str) -> None:
    """The emulator cannot judge this; AWS does."""
    needed = {
        "PricingFunction": ["principals", "service_accounts"],
        "TokenFunction": ["service_accounts", "bootstrap"],
    }
    read = leading_keys(function, "dynamodb:GetItem", "PeopleTable")
    assert read == needed[function]


def test_a_function_counts_only_what_it_judges() -> None:
    counted = ["failures#*", "refusals*"]
    table = ("dynamodb:PutItem", "GuardTable")
    assert leading_keys("PricingFunction", *table) == counted
    assert leading_keys("IssuerKeysFunction", *table) == ["refusals*"]
    assert leading_keys("TokenFunction", *table) == [*counted, "step-up#bootstrap"]


def test_the_right_to_use_a_key_is_bound_to_what_it_is_used_for() -> None:
    assert TEMPLATE["Parameters"]["RequireEncryptionContext"]["Default"] == "true"
    purposes = {}
    for statement in statements("KeyAdminFunction"):
        if "Fn::If" in (bound := statement.get("Condition", {})):
            condition, when_true, _ = bound["Fn::If"]
            assert condition == "HasEncryptionContext"
            purposes[statement["Sid"]] = when_true["StringEquals"]
    assert purposes == {
        "UseFactorsKey": {"kms:EncryptionContext:purpose": "totp"},
        "UseContactsKey": {"kms:EncryptionContext:purpose": "contact"},
    }
    assert may("kms:Decrypt", "FactorsKey") == {"KeyAdminFunction"}
    assert may("kms:Decrypt", "ContactsKey") == {"KeyAdminFunction"}


def test_a_service_accounts_secret_is_written_and_not_read_back() -> None:
    for action in ["CreateSecret", "PutSecretValue"]:
        who = may(f"secretsmanager:{action}", "/service-accounts/*")
        assert who == {"KeyAdminFunction"}, action
    assert may("secretsmanager:GetSecretValue", "/service-accounts/*") == set()


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
    assert expiring == {"GuardTable": {"AttributeName": "expires", "Enabled": True}}


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
    assert len(set(ROLES.values())) == len(FUNCTIONS) == 5


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_names_what_it_may_do_and_to_what(function: str) -> None:
    for statement in statements(function):
        actions = listed(statement["Action"])
        assert not [action for action in actions if "*" in action], statement["Sid"]
        tracing = all(action.startswith("xray:") for action in actions)
        assert ("*" in listed(statement["Resource"])) is tracing, statement["Sid"]


def test_each_statement_says_why() -> None:
    lines = TEMPLATES[0].read_text().splitlines()
    sids = {s["Sid"] for function in FUNCTIONS for s in statements(function)}
    in_roles = [
        (number, line)
        for number, line in enumerate(lines)
        if line.strip().removeprefix("- Sid: ") in sids - {"Trace"}
    ]
    assert len(in_roles) > 35
    for number, line in in_roles:
        above = lines[number - 1].strip()
        assert above.startswith("#"), f"line {number + 1}: {line.strip()}"


def test_the_environment_names_things_and_holds_no_secret() -> None:
    """Values come from references and names; a literal must be one of these few."""
    harmless = {"true", "false"}
    # What a token is for, and which key signs it.
    of_tokens = {"TOKEN_AUDIENCE", "TOKEN_KEY"}
    declared = [TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]]
    for function in FUNCTIONS.values():
        declared.append(function["Properties"]["Environment"]["Variables"])
    for variables in declared:
        for name, value in variables.items():
            text = json.dumps(value)
            assert "resolve:secretsmanager" not in text, name
            assert "SecretString" not in text, name
            assert not isinstance(value, str) or value in harmless, name
            if name in of_tokens:
                continue
            if re.search("SECRET|PASSWORD|TOKEN|CREDENTIAL", name):
                assert name.endswith("_SECRET")
                assert value["Fn::GetAtt"].endswith(".Id"), f"{name} is not an ARN"


def test_no_parameter_takes_a_secret() -> None:
    for name in TEMPLATE["Parameters"]:
        assert not re.search("secret|password|token|apikey", name, re.IGNORECASE)


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
    for function in ("pricing", "key-admin", "token"):
        assert (function, '{ $.event_type = "SECURITY_EVENT" }') in counted
    for function in ("key-admin", "token"):
        assert (function, "{ $.details.http_status >= 500 }") in counted
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
    for written in ("keys", "clients", "guard"):
        assert f":table/${{StackName}}-{written}" in text
    assert ":function:${StackName}-token" in text
