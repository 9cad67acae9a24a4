"""A client made from the OpenAPI document throws what it can at the deployed API."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def test_no_server_error_and_no_undocumented_answer(stack, tmp_path):
    """Seeded, with a key of the fastest tier, at most 25 examples an operation."""
    command = [
        Path(sys.executable).with_name("st"),
        "run",
        ROOT / "docs/openapi.json",
        "--url",
        stack["BASE_URL"],
    ]
    command += [
        "--header",
        f"X-API-Key: {stack['API_KEY']}",
        "--checks",
        CHECKS,
        "--phases",
        "coverage,fuzzing",
    ]
    command += ["--max-examples", "25", "--seed", "20221", "--no-color"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
