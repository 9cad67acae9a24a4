"""A client made from the OpenAPI documents throws what it can at the deployed API."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from conftest import somewhere

ROOT = Path(__file__).resolve().parents[2]
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


# What would take from other tests what they stand on: the client learns ids from lists, and uses them.
DESTRUCTIVE = [
    "revokeKey",
    "terminateClient",
    "removeContact",
    "disablePrincipal",
    "removeRole",
    "disableServiceAccount",
]


def fuzz(
    stack: dict[str, str], document: str, credential: str, cwd: Path, *more: str
) -> None:
    """Seeded."""
    command: list[Any] = [
        Path(sys.executable).with_name("st"),
        "run",
        ROOT / "docs" / document,
        "--url",
        stack["BASE_URL"],
    ]
    # An address of its own: what is refused here must not count against the other tests.
    for header in (credential, f"X-Forwarded-For: {somewhere()}"):
        command += ["--header", header]
    command += ["--checks", CHECKS, "--seed", "20221", "--no-color", *more]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_no_server_error_and_no_undocumented_answer(
    stack: dict[str, str], tmp_path: Path
) -> None:
    """With a key of the fastest tier, at most 25 examples an operation."""
    key = f"X-API-Key: {stack['API_KEY']}"
    extent = ["--phases", "coverage,fuzzing", "--max-examples", "25"]
    fuzz(stack, "openapi.json", key, tmp_path, *extent)


def test_nor_of_the_admin_api(stack: dict[str, str], desk: Any, tmp_path: Path) -> None:
    """With an administrator's token, at most 8 examples an operation."""
    token = f"Authorization: Bearer {desk.member('admin').token()}"
    extent = ["--phases", "fuzzing", "--max-examples", "8"]
    for operation in DESTRUCTIVE:
        extent += ["--exclude-operation-id", operation]
    fuzz(stack, "openapi-admin.json", token, tmp_path, *extent)


def test_nor_of_the_auditors_api(
    stack: dict[str, str], desk: Any, tmp_path: Path
) -> None:
    """With an auditor's token, at most 8 examples an operation."""
    token = f"Authorization: Bearer {desk.member('auditor').token()}"
    extent = ["--phases", "fuzzing", "--max-examples", "8"]
    fuzz(stack, "openapi-evidence.json", token, tmp_path, *extent)
