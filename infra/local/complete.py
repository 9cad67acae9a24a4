"""Applies what the template declares and the emulator's CloudFormation leaves out.

Each value comes from the stack's own processed template, and goes in through the call that CloudFormation makes on AWS. Nothing is
set here that the template does not say. README.md lists the gaps; a gap that a later emulator closes is harmless here.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from . import deploy
from .settings import REGION, Settings

ANY_METHOD = "x-amazon-apigateway-any-method"
INTEGRATION = "x-amazon-apigateway-integration"
GATEWAY_RESPONSES = "x-amazon-apigateway-gateway-responses"


def complete(settings: Settings) -> None:
    stack = _Stack(settings)
    for name, properties in stack.of_type("AWS::DynamoDB::Table"):
        _table(stack, stack.resolve({"Ref": name}), properties)
    for name, properties in stack.of_type("AWS::SNS::Topic"):
        _topic(stack, stack.resolve({"Ref": name}), properties)
    for name, properties in stack.of_type("AWS::S3::Bucket"):
        _bucket(stack, stack.resolve({"Ref": name}), properties)
    for name, properties in stack.of_type("AWS::ApiGateway::RestApi"):
        _api(stack, stack.resolve({"Ref": name}), properties["Body"])


def _table(stack: "_Stack", table: str, properties: dict[str, Any]) -> None:
    """Point-in-time recovery, encryption, resource policy, time to live; deletion protection as the boolean that it is."""
    dynamodb = stack.client("dynamodb")
    # A parameter's text is kept as it is, and an SDK with types cannot read the table's description.
    protected = str(stack.resolve(properties["DeletionProtectionEnabled"])).lower()
    dynamodb.update_table(
        TableName=table, DeletionProtectionEnabled=protected == "true"
    )
    dynamodb.update_continuous_backups(
        TableName=table,
        PointInTimeRecoverySpecification=stack.resolve(
            properties["PointInTimeRecoverySpecification"]
        ),
    )
    encryption = stack.resolve(properties["SSESpecification"])
    dynamodb.update_table(
        TableName=table,
        SSESpecification={
            "Enabled": encryption["SSEEnabled"],
            "SSEType": encryption["SSEType"],
            "KMSMasterKeyId": encryption["KMSMasterKeyId"],
        },
    )
    if policy := properties.get("ResourcePolicy"):
        dynamodb.put_resource_policy(
            ResourceArn=dynamodb.describe_table(TableName=table)["Table"]["TableArn"],
            Policy=json.dumps(stack.resolve(policy["PolicyDocument"])),
        )
    if lifetime := properties.get("TimeToLiveSpecification"):
        dynamodb.update_time_to_live(
            TableName=table, TimeToLiveSpecification=stack.resolve(lifetime)
        )


def _topic(stack: "_Stack", topic: str, properties: dict[str, Any]) -> None:
    """Encryption; that it is FIFO, without which it neither keeps an order nor drops what comes twice."""
    attributes = {"KmsMasterKeyId": stack.resolve(properties["KmsMasterKeyId"])}
    for name in ("FifoTopic", "ContentBasedDeduplication"):
        if name in properties:
            attributes[name] = str(stack.resolve(properties[name])).lower()
    for name, value in attributes.items():
        stack.client("sns").set_topic_attributes(
            TopicArn=topic, AttributeName=name, AttributeValue=value
        )


def _bucket(stack: "_Stack", bucket: str, properties: dict[str, Any]) -> None:
    """Default encryption, Object Lock."""
    rules = stack.resolve(
        properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    )
    stack.client("s3").put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={
            "Rules": [
                {
                    "ApplyServerSideEncryptionByDefault": rule[
                        "ServerSideEncryptionByDefault"
                    ],
                    "BucketKeyEnabled": rule["BucketKeyEnabled"],
                }
                for rule in rules
            ]
        },
    )
    if lock := stack.resolve(properties.get("ObjectLockConfiguration")):
        retention = lock["Rule"]["DefaultRetention"]
        stack.client("s3").put_object_lock_configuration(
            Bucket=bucket,
            ObjectLockConfiguration={
                "ObjectLockEnabled": lock["ObjectLockEnabled"],
                # A parameter is text, whatever its type.
                "Rule": {
                    "DefaultRetention": {**retention, "Days": int(retention["Days"])}
                },
            },
        )


def _api(stack: "_Stack", api: str, body: dict[str, Any]) -> None:
    """Methods declared as ANY, and gateway responses; then a deployment that contains them."""
    gateway = stack.client("apigateway")
    resources = {
        resource["path"]: resource["id"]
        for page in gateway.get_paginator("get_resources").paginate(restApiId=api)
        for resource in page["items"]
    }
    for path, methods in body["paths"].items():
        if ANY_METHOD in methods:
            integration = stack.resolve(methods[ANY_METHOD][INTEGRATION])
            _put_any(gateway, api, resources[path], integration["uri"])
    for kind, response in stack.resolve(body[GATEWAY_RESPONSES]).items():
        status = (
            {"statusCode": str(response["statusCode"])}
            if "statusCode" in response
            else {}
        )
        gateway.put_gateway_response(
            restApiId=api,
            responseType=kind,
            responseParameters=response["responseParameters"],
            responseTemplates=response["responseTemplates"],
            **status,
        )
    gateway.create_deployment(restApiId=api, stageName="live")


def _put_any(gateway: Any, api: str, resource: str, uri: str) -> None:
    target = {"restApiId": api, "resourceId": resource, "httpMethod": "ANY"}
    _unless_there(lambda: gateway.put_method(**target, authorizationType="NONE"))
    gateway.put_integration(
        **target, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri
    )


def _unless_there(call: Callable[[], Any]) -> None:
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConflictException":
            raise


class _Stack:
    """The deployed stack's template, with references resolved."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        cloudformation = self.client("cloudformation")
        found = cloudformation.get_template(
            StackName=settings.stack, TemplateStage="Processed"
        )
        body = found["TemplateBody"]
        self._template = json.loads(body) if isinstance(body, str) else body
        pages = cloudformation.get_paginator("list_stack_resources").paginate(
            StackName=settings.stack
        )
        self._ids = {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
        }
        described = cloudformation.describe_stacks(StackName=settings.stack)
        self._ids |= {
            parameter["ParameterKey"]: parameter["ParameterValue"]
            for parameter in described["Stacks"][0]["Parameters"]
        }
        self._ids |= {
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "AWS::AccountId": self.client("sts").get_caller_identity()["Account"],
            "AWS::StackName": settings.stack,
        }

    def client(self, service: str) -> Any:
        return deploy.client(self._settings, service)

    def of_type(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        return [
            (name, resource["Properties"])
            for name, resource in self._template["Resources"].items()
            if resource["Type"] == kind and name in self._ids
        ]

    def resolve(self, value: Any) -> Any:
        """The intrinsic functions that these properties use, no more."""
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "Ref" in value:
            return self._ids[value["Ref"]]
        if "Fn::GetAtt" in value:
            return self._arn(*value["Fn::GetAtt"])
        if "Fn::Sub" in value:
            return re.sub(
                r"\$\{([\w:]+)\}",
                lambda found: self._ids[found.group(1)],
                value["Fn::Sub"],
            )
        return {name: self.resolve(item) for name, item in value.items()}

    def _arn(self, name: str, attribute: str) -> str:
        assert attribute == "Arn", f"{name}.{attribute}"
        key = self.client("kms").describe_key(KeyId=self._ids[name])
        return key["KeyMetadata"]["Arn"]
