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


def statements(role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for policy in role["Properties"]["Policies"]:
        policy = policy["Fn::If"][1] if "Fn::If" in policy else policy
        yield from policy["PolicyDocument"]["Statement"]


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
        for function in of_type("AWS::Serverless::Function").values()
    }
    assert used <= set(groups)
    assert len(used) == len(of_type("AWS::Serverless::Function"))


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
def test_a_key_rotates_and_outlives_its_stack(key: dict[str, Any]) -> None:
    assert key["Properties"]["EnableKeyRotation"] is True
    assert key["DeletionPolicy"] == "RetainExceptOnCreate"


@pytest.mark.parametrize("bucket", everywhere("AWS::S3::Bucket"))
def test_a_bucket_is_private_versioned_and_encrypted(bucket: dict[str, Any]) -> None:
    properties = bucket["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rules[0]["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"


def test_every_function_has_a_role_of_its_own() -> None:
    functions = of_type("AWS::Serverless::Function")
    roles = [f["Properties"]["Role"]["Fn::GetAtt"] for f in functions.values()]
    assert len(set(roles)) == len(functions)


@pytest.mark.parametrize(
    "role", ["PricingRole", "MarketDataRole"], ids=["pricing", "market-data"]
)
def test_a_role_names_what_it_may_do_and_to_what(role: str) -> None:
    for statement in statements(TEMPLATE["Resources"][role]):
        actions = listed(statement["Action"])
        assert not [action for action in actions if "*" in action], statement["Sid"]
        tracing = all(action.startswith("xray:") for action in actions)
        assert ("*" in listed(statement["Resource"])) is tracing, statement["Sid"]


def test_each_statement_says_why() -> None:
    lines = TEMPLATES[0].read_text().splitlines()
    in_roles = [
        (number, line)
        for number, line in enumerate(lines)
        if re.match(r" {14,18}- Sid: ", line)
    ]
    assert len(in_roles) > 10
    for number, line in in_roles:
        above = lines[number - 1].strip()
        excused = {"Trace", "TlsOnly", "Tls12OrNewer", "NobodyRewrites"}
        if line.split("Sid: ")[1] not in excused:
            assert above.startswith("#"), f"line {number + 1}: {line.strip()}"


def test_the_environment_names_things_and_holds_no_secret() -> None:
    """Values come from references and names; a literal must be one of these few."""
    harmless = {"true", "false"}
    declared = [TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]]
    for function in of_type("AWS::Serverless::Function").values():
        declared.append(function["Properties"]["Environment"]["Variables"])
    for variables in declared:
        for name, value in variables.items():
            text = json.dumps(value)
            assert "resolve:secretsmanager" not in text, name
            assert "SecretString" not in text, name
            assert not isinstance(value, str) or value in harmless, name
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
    names = {alarm["Properties"]["AlarmName"]["Fn::Sub"] for alarm in alarms.values()}
    canary = TEMPLATE["Resources"]["PricingFunction"]["Properties"][
        "DeploymentPreference"
    ]
    rollback = {
        alarm["Fn::Sub"].replace("AWS::StackName", "StackName")
        for alarm in canary["Alarms"]
    }
    assert rollback <= names
