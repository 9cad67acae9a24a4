"""A quote from its making to an auditor's desk: sealed, found, exported, verified, and what happens to whoever edits it.

Late in the suite, because a range can be closed only five minutes after its end: the quote is made before the first test.
"""

import csv
import io
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from conftest import HANDLED, ROOT, Desk, Member, done

Engine = Callable[..., subprocess.CompletedProcess[str]]

# What is sealed five minutes after it was made, a minute's schedule and the suite's own slowness.
CLOSING_SECONDS = 300
PATIENCE_SECONDS = 240


def rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


@pytest.fixture(scope="module")
def auditor(desk: Desk) -> Member:
    return desk.member("auditor")


@pytest.fixture(scope="module")
def window(early_quote: dict[str, Any]) -> dict[str, str]:
    """The minute around the early quote."""
    made = early_quote["made"]
    return {
        "from": rfc3339(made - timedelta(seconds=30)),
        "to": rfc3339(made + timedelta(seconds=1)),
    }


def seal(operator: Callable[[str], Any], stack: dict[str, str]) -> None:
    """A scheduled run of audit-seal, without waiting for its minute."""
    answer = operator("lambda").invoke(
        FunctionName=f"{stack['ENGINE_STACK']}-audit-seal:live",
        Payload=json.dumps({"source": "aws.events", "detail-type": "Scheduled Event"}),
    )
    assert "FunctionError" not in answer, answer["Payload"].read()


@pytest.fixture(scope="module")
def closed(
    auditor: Member,
    window: dict[str, str],
    operator: Callable[[str], Any],
    stack: dict[str, str],
) -> dict[str, str]:
    """The same, once the log says that nothing of it is still on its way."""
    ended = datetime.fromisoformat(window["to"])
    waiting = CLOSING_SECONDS - (datetime.now(UTC) - ended).total_seconds()
    time.sleep(max(0.0, waiting) + 1)
    seal(operator, stack)
    return window


def export(
    auditor: Member, request: dict[str, Any], expected: str = "done"
) -> dict[str, Any]:
    """Asks for a bundle and waits for it. Its state at the end; the bundle is in `zip`."""
    path = "/api/v1/evidence"
    asked = done(auditor("POST", path, request, code=auditor.code()), 202)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        state = done(auditor("GET", f"{path}/{asked['evidence_id']}"), 200)
        if state["state"] not in ("pending", "running"):
            break
        time.sleep(0.5)
    assert state["state"] == expected, state
    if expected == "done":
        HANDLED.add(state["download_url"])
        fetched = requests.get(state["download_url"], timeout=60)
        assert fetched.status_code == 200, fetched.text
        state["zip"] = fetched.content
    return state


def member_of(bundle: bytes, name: str) -> bytes:
    return zipfile.ZipFile(io.BytesIO(bundle)).read(name)


@pytest.fixture(scope="module")
def keys(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The verifier keys, as an auditor keeps them."""
    printed = engine("evidence", "keys")
    assert printed.returncode == 0, printed.stderr
    names = [line.split("+")[0] for line in printed.stdout.splitlines()]
    assert any(name.endswith("/evidence") for name in names), names
    file = tmp_path_factory.mktemp("keys") / "keys.txt"
    file.write_text(printed.stdout)
    return file


@pytest.fixture(scope="module")
def bundle(
    auditor: Member,
    closed: dict[str, str],
    early_quote: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """The early quote's own bundle, with its log lines."""
    request = {
        **closed,
        "request_id": early_quote["request_id"],
        "ticker": "AAPL",
        "client": "demo",
        "include_logs": True,
    }
    made = export(auditor, request)
    file = tmp_path_factory.mktemp("bundle") / "evidence.zip"
    file.write_bytes(made["zip"])
    return {**made, "file": file}


def test_a_quote_is_found_by_its_request_id(
    auditor: Member, closed: dict[str, str], early_quote: dict[str, Any]
) -> None:
    path = f"/api/v1/audit?request_id={early_quote['request_id']}"
    found = done(auditor("GET", path), 200)["items"]
    assert [item["event"] for item in found] == ["quote.create"]
    assert found[0]["id"] == early_quote["quote_id"]
    proof = done(auditor("GET", f"/api/v1/audit/{found[0]['id']}/proof"), 200)
    assert proof["index"] == found[0]["index"]
    assert early_quote["quote_id"] in proof["header"]


def test_the_audit_log_is_searched_newest_first_a_page_at_a_time(
    auditor: Member,
) -> None:
    seen: list[int] = []
    path = "/api/v1/audit?limit=50&outcome=success"
    for _ in range(3):
        page = done(auditor("GET", path), 200)
        seen += [item["index"] for item in page["items"]]
        if not page.get("next_cursor"):
            break
        path = f"/api/v1/audit?limit=50&outcome=success&cursor={page['next_cursor']}"
    assert len(seen) > 50
    assert seen == sorted(set(seen), reverse=True)


def test_the_bundle_of_a_quote_verifies_and_holds_its_log_lines(
    bundle: dict[str, Any], keys: Path, engine: Engine, early_quote: dict[str, Any]
) -> None:
    checked = engine("verify", str(bundle["file"]), "--keys", str(keys))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    entries = member_of(bundle["zip"], "entries.jsonl").decode().splitlines()
    headers = [json.loads(json.loads(line)["header"]) for line in entries]
    assert [header["id"] for header in headers] == [early_quote["quote_id"]]
    lines = member_of(bundle["zip"], "log-events.jsonl").decode().splitlines()
    assert any(early_quote["request_id"] in line for line in lines)


def test_the_auditors_own_script_verifies_the_bundle_and_not_another(
    bundle: dict[str, Any], keys: Path, tmp_path: Path
) -> None:
    def script(file: Path) -> int:
        command = [sys.executable, ROOT / "docs/verify_evidence.py", file, keys]
        return subprocess.run(command, capture_output=True, check=False).returncode

    assert script(bundle["file"]) == 0
    entries = member_of(bundle["zip"], "entries.jsonl")
    changed = bundle["zip"].replace(entries[-40:-20], entries[-40:-20][::-1])
    altered = tmp_path / "altered.zip"
    altered.write_bytes(changed)
    assert changed != bundle["zip"]
    assert script(altered) != 0


def test_what_rotated_is_listed_and_the_script_makes_the_list_again(
    auditor: Member,
    closed: dict[str, str],
    engine: Engine,
    keys: Path,
    tmp_path: Path,
) -> None:
    # From the log's beginning, where the keys that sign for it were registered.
    asked = {"to": closed["to"], "event": "key.register"}
    made = export(auditor, asked)
    rows = list(
        csv.DictReader(io.StringIO(member_of(made["zip"], "rotations.csv").decode()))
    )
    entries = member_of(made["zip"], "entries.jsonl").decode().splitlines()
    assert [row["index"] for row in rows] == [
        str(json.loads(line)["index"]) for line in entries
    ]
    assert {(row["kind"], row["event"]) for row in rows} == {
        ("signing_key", "key.register")
    }
    file = tmp_path / "rotations.zip"
    file.write_bytes(made["zip"])
    checked = engine("verify", str(file), "--keys", str(keys))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    command = [sys.executable, ROOT / "docs/verify_evidence.py", file, keys]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_same_request_at_the_same_size_gives_the_same_bytes(
    auditor: Member,
    bundle: dict[str, Any],
    closed: dict[str, str],
    engine: Engine,
    keys: Path,
    tmp_path: Path,
) -> None:
    size = json.loads(member_of(bundle["zip"], "manifest.json"))["size"]
    request = {**closed, "event": "quote.create", "client": "demo", "size": size}
    first, second = export(auditor, request), export(auditor, request)
    assert first["sha256"] == second["sha256"]
    assert first["zip"] == second["zip"]

    file = tmp_path / "from-bucket.zip"
    made = engine(
        "evidence",
        "export",
        "--from-bucket",
        *("--from", closed["from"], "--to", closed["to"]),
        *("--event", "quote.create", "--client", "demo", "--size", str(size)),
        *("--out", str(file)),
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert file.read_bytes() == first["zip"], "with none of our functions"
    checked = engine("verify", str(file), "--keys", str(keys))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_evidence_takes_the_permission_a_code_and_is_its_requesters_alone(
    desk: Desk, auditor: Member, bundle: dict[str, Any], closed: dict[str, str]
) -> None:
    path = "/api/v1/evidence"
    assert auditor("POST", path, closed).status_code in (401, 403)
    for other in (desk.alice, desk.carol):
        assert other("GET", "/api/v1/audit").status_code == 403
        assert other("POST", path, closed, code=other.code()).status_code == 403
    colleague = desk.member("auditor")
    hidden = colleague("GET", f"{path}/{bundle['evidence_id']}")
    assert hidden.status_code == 404
    assert auditor("GET", f"{path}/{bundle['evidence_id']}").status_code == 200


def test_a_range_that_is_not_closed_is_refused_and_says_up_to_when_it_is(
    auditor: Member,
) -> None:
    request = {"to": rfc3339(datetime.now(UTC))}
    refused = auditor("POST", "/api/v1/evidence", request, code=auditor.code())
    assert refused.status_code == 400
    assert [error["field"] for error in refused.json()["errors"]] == ["to"]


def test_the_log_is_whole_and_an_entry_written_over_is_seen_and_restored(
    operator: Callable[[str], Any],
    stack: dict[str, str],
    engine: Engine,
    early_quote: dict[str, Any],
) -> None:
    seal(operator, stack)
    whole = engine("fsck")
    assert whole.returncode == 0, whole.stdout + whole.stderr

    dynamodb, table = operator("dynamodb"), f"{stack['ENGINE_STACK']}-audit"
    quote = early_quote["quote_id"]
    milliseconds = int(quote.replace("-", "")[:12], 16)
    minute = datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M")
    shard = int(quote[-2:], 16) % 64
    key = {"pk": {"S": f"{minute}#{shard:02}"}, "sk": {"S": quote}}
    stored = dynamodb.get_item(TableName=table, Key=key)["Item"]
    forged = stored["body"]["S"].replace("demo", "omed")
    dynamodb.put_item(TableName=table, Item={**stored, "body": {"S": forged}})

    found = engine("fsck")
    assert found.returncode == 1
    assert quote in found.stdout + found.stderr
    group = f"/aws/lambda/{stack['ENGINE_STACK']}-audit-seal"
    assert waited_for(operator, group, "audit_entry_rewritten")

    restored = engine("fsck", "--restore", "--yes")
    assert quote in restored.stdout + restored.stderr
    assert dynamodb.get_item(TableName=table, Key=key)["Item"] == stored
    seal(operator, stack)
    again = engine("fsck")
    assert again.returncode == 0, again.stdout + again.stderr


def waited_for(operator: Callable[[str], Any], group: str, text: str) -> bool:
    """Whether a log group has a line with that text before long."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        pages = (
            operator("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName=group)
        )
        if any(text in event["message"] for page in pages for event in page["events"]):
            return True
        time.sleep(1)
    return False


def test_no_use_of_a_key_is_without_its_entry(engine: Engine) -> None:
    gaps = engine("audit", "gaps")
    assert gaps.returncode == 0, gaps.stdout + gaps.stderr


def test_every_shell_block_of_the_evidence_document_works(
    stack: dict[str, str], closed: dict[str, str], tmp_path: Path
) -> None:
    """Its blocks marked `sh`, as they are written, in a copy of the tree's layout."""
    text = (ROOT / "docs/EVIDENCE.md").read_text()
    script = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    for file in ("evidence.zip", "keys.txt"):
        script = script.replace(file, str(tmp_path / file))
    variables = "".join(f"export {name}={value}\n" for name, value in stack.items())
    finished = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", variables + script],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "upto": closed["to"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
