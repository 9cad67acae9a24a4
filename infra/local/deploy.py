"""Deploys the built template to the emulator with SAM, as it would be to AWS."""

import subprocess
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

from . import build, console
from .settings import REGION, ROOT, Settings


def deploy(settings: Settings, log: Path) -> None:
    template = build.build_dir(settings) / "template.yaml"
    command = ["sam", "deploy", "--region", REGION, "--stack-name", settings.stack]
    command += ["--template-file", str(template)]
    # Named, because SAM looks for it beside the template, which is the built one.
    command += ["--config-file", str(ROOT / "samconfig.toml"), "--config-env", "local"]
    console.run(command, settings.operator_env(), ROOT, log)


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


def client(settings: Settings, service: str):
    return session(settings).client(service, endpoint_url=settings.endpoint)


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
