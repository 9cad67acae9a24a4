"""Deploys the built template to the emulator with SAM, as it would be to AWS."""

import json
import subprocess
import uuid
from datetime import datetime, timezone
from pathlib import Path

import boto3
import tomlkit
from botocore.exceptions import ClientError

from . import build, console, staff
from .console import StepFailed
from .settings import REGION, REPLICA_REGION, ROOT, Settings

SAMCONFIG = ROOT / "samconfig.toml"


def deploy(settings: Settings, log: Path) -> None:
    template = build.build_dir(settings) / "template.yaml"
    command = ["sam", "deploy", "--region", REGION, "--stack-name", settings.stack]
    command += ["--template-file", str(template)]
    # Named, because SAM looks for it beside the template, which is the built one.
    command += ["--config-file", str(SAMCONFIG), "--config-env", "local"]
    command += ["--parameter-overrides", *_parameters(settings)]
    console.run(command, settings.operator_env(), ROOT, log)


def _parameters(settings: Settings) -> list[str]:
    """Those of samconfig.toml, which overrides on the command line replace, and those of this stack alone."""
    local = tomlkit.parse(SAMCONFIG.read_text()).unwrap()["local"]
    # SAM reads YAML, which JSON is: nothing has to be quoted.
    file = settings.state / "parameters.yaml"
    own = {
        **staff.parameters(settings),
        "EmulatorEndpoint": settings.endpoint,
        "ReplicaRegion": REPLICA_REGION,
        "ReplicaKeyArn": _replica_key(settings),
    }
    file.write_text(json.dumps(own))
    return [local["deploy"]["parameters"]["parameter_overrides"], f"file://{file}"]


def _replica_key(settings: Settings) -> str:
    """The ARN of the key that secrets are encrypted with in the second region, which no template of this one can make."""
    kms = client(settings, "kms", REPLICA_REGION)
    alias = f"alias/{settings.stack}-replicas"
    try:
        return kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"]
    except kms.exceptions.NotFoundException:
        made = kms.create_key(Description=f"{settings.stack}: replicas of secrets")
        kms.create_alias(AliasName=alias, TargetKeyId=made["KeyMetadata"]["KeyId"])
        return made["KeyMetadata"]["Arn"]


def invoke(settings: Settings, function: str) -> None:
    """Calls a function of the stack as its schedule does."""
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "source": "aws.events",
        "detail-type": "Scheduled Event",
        "account": "000000000000",
        "region": REGION,
        "time": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
        "resources": [],
        "detail": {},
    }
    answer = client(settings, "lambda").invoke(
        FunctionName=f"{settings.stack}-{function}",
        Qualifier="live",
        Payload=json.dumps(event).encode(),
    )
    if "FunctionError" in answer:
        raise StepFailed(f"{function}: {answer['Payload'].read().decode()}")


def is_beyond_repair(settings: Settings) -> bool:
    """Whether a first deployment failed: CloudFormation then only lets the stack be deleted."""
    try:
        found = client(settings, "cloudformation").describe_stacks(
            StackName=settings.stack
        )
    except ClientError:
        return False
    return found["Stacks"][0]["StackStatus"] == "ROLLBACK_COMPLETE"


def session(settings: Settings) -> boto3.Session:
    """AWS clients that act as the stack's operator: `session(…).client("s3", endpoint_url=…)`."""
    variables = settings.operator_variables()
    return boto3.Session(
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )


def client(settings: Settings, service: str, region: str = REGION):
    return session(settings).client(
        service, endpoint_url=settings.endpoint, region_name=region
    )


def outputs(settings: Settings) -> dict[str, str]:
    stacks = client(settings, "cloudformation").describe_stacks(
        StackName=settings.stack
    )
    return {o["OutputKey"]: o["OutputValue"] for o in stacks["Stacks"][0]["Outputs"]}


def base_url(settings: Settings) -> str:
    """The API's address on the emulator, which has no host name of its own for each API."""
    api = outputs(settings)["ApiId"]
    return f"{settings.endpoint}/restapis/{api}/live/_user_request_"


def engine(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the operator's command line on the stack."""
    return subprocess.run(
        [build.ENGINE, *arguments],
        env=settings.operator_env(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
