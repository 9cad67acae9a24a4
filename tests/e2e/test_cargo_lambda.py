"""Functions under `cargo lambda watch`, invoked with the example events, against the deployed tables."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CARGO_LAMBDA = Path(sys.executable).with_name("cargo-lambda")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def watched(stack, operator, tmp_path_factory):
    """`cargo lambda watch` with the environment of the deployed pricing function, and the operator's credentials."""
    deployed = operator("cloudformation").describe_stack_resource(
        StackName=stack["ENGINE_STACK"], LogicalResourceId="PricingFunction"
    )["StackResourceDetail"]["PhysicalResourceId"]
    settings = operator("lambda").get_function_configuration(FunctionName=deployed)
    environment = {**os.environ, **stack, **settings["Environment"]["Variables"]}
    port = str(free_port())
    log = tmp_path_factory.mktemp("watch") / "watch.log"
    command = [
        CARGO_LAMBDA,
        "lambda",
        "watch",
        "--ignore-changes",
        "--invoke-port",
        port,
    ]
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    yield port, log
    process.terminate()
    process.wait(timeout=30)


def invoke(port: str, event: Path) -> subprocess.CompletedProcess[str]:
    command = [
        CARGO_LAMBDA,
        "lambda",
        "invoke",
        "pricing",
        "--invoke-port",
        port,
        "--data-file",
        event,
    ]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=900
    )


def test_an_example_event_is_answered_from_the_local_stack(watched, stack, tmp_path):
    port, log = watched
    example = (ROOT / "events/pricing/quote-post.json").read_text()
    event = tmp_path / "quote.json"
    event.write_text(example.replace("REPLACE_WITH_API_KEY", stack["API_KEY"]))
    for _ in range(60):
        done = invoke(port, event)
        if done.returncode == 0:
            break
        time.sleep(2)
    assert done.returncode == 0, done.stderr + log.read_text()[-3000:]
    answer = json.loads(done.stdout)
    assert answer["statusCode"] == 200, answer
    assert json.loads(answer["body"])["quote_type"] == "INDICATIVE"
