"""The commands of the runbooks exist, and take what they are given: nobody reads a usage text in an emergency."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from infra.local import build

ROOT = Path(__file__).resolve().parents[2]
RUNBOOKS = sorted((ROOT / "docs/runbooks").glob("*.md"))
# What every machine of an operator has.
TOOLS = {"curl", "diff", "echo", "jq", "less", "mktemp", "oathtool"}
TOOLS |= {"printf", "sam", "sha256sum", "shred", "umask", "unzip"}
# Words of the shell itself, after which a command may follow or none does.
BEFORE_A_COMMAND, NO_COMMAND = {"do", "export", "set"}, {"done", "for", "."}
# Options of the AWS command line that are no members of a call.
OPTIONS = {"--cli-binary-format", "--output", "--query", "--region"}
# The tools that are asked about a call that ends in a file's name.
ANSWERED_INTO_A_FILE = {("lambda", "invoke")}


def shell(document: str) -> Iterator[str]:
    """The commands of a document as they are typed: of its blocks, and in its sentences and tables."""
    blocks = re.compile(r"```sh\n(.*?)```", re.DOTALL)
    for block in blocks.findall(document):
        yield from block.replace("\\\n", " ").splitlines()
    for inline in re.findall(r"`([^`\n]+)`", blocks.sub("", document)):
        if inline.startswith(("engine ", "aws ", "make ", "curl ")):
            yield inline


def simple(line: str) -> Iterator[list[str]]:
    """The simple commands of a line, those inside `$(…)` too, without what is redirected."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    command: list[str] = []
    skips = False
    for word in words:
        if skips:
            skips = False
        elif set(word) <= {"<", ">"}:
            skips = True
        elif set(word) <= set("();|&"):
            yield command
            command = []
        else:
            command.append(word)
            for inner in re.findall(r"\$\((.*)\)", word):
                yield from simple(inner)
    yield command


def commands(document: Path) -> list[list[str]]:
    """The simple commands of a document, with the variables that it sets to a plain value filled in."""
    text = document.read_text()
    plain = dict(re.findall(r"^(\w+)=([\w:.-]+)(?:\s|$)", text, re.MULTILINE))
    found = []
    for line in shell(text):
        for command in simple(line):
            while command and (command[0] in BEFORE_A_COMMAND or "=" in command[0]):
                command = command[1:]
            if command and command[0] not in NO_COMMAND and len(command[0]) > 1:
                filled = [plain.get(word.removeprefix("$"), word) for word in command]
                found.append(filled)
    return found


CASES = [
    pytest.param(command, id=f"{document.stem}: {shlex.join(command)}")
    for document in RUNBOOKS
    for command in commands(document)
]


def of(*tools: str) -> list[pytest.param]:
    return [case for case in CASES if case.values[0][0] in tools]


def test_every_runbook_has_commands_and_is_in_the_index() -> None:
    index = (ROOT / "docs/runbooks/README.md").read_text()
    for document in RUNBOOKS:
        assert commands(document), document.name
        assert document.name == "README.md" or f"({document.name})" in index


@pytest.mark.parametrize("document", RUNBOOKS, ids=lambda path: path.stem)
def test_a_link_leads_to_a_document_and_its_heading(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", document.read_text())
    for target, heading in links:
        text = (document.parent / target if target else document).read_text()
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        slugs = {
            re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-") for name in headings
        }
        assert not heading or heading in slugs, f"{target}#{heading}"


def test_nothing_else_is_needed_than_what_is_checked_here_and_common_tools() -> None:
    assert {case.values[0][0] for case in CASES} <= TOOLS | {"engine", "aws", "make"}


@pytest.mark.parametrize("command", of("engine"))
def test_a_command_of_engine_is_understood(
    command: list[str], stack: dict[str, str]
) -> None:
    """With nobody at home it fails, but not as a command line that is wrong (2)."""
    nobody = "http://127.0.0.1:9"
    done = subprocess.run(
        [build.ENGINE, *command[1:]],
        env={
            "ENGINE_API_URL": nobody,
            "ENGINE_TOKEN": "none",
            "API_KEY": "bre_local_aaaaaaaaaaaa_a",
            "AWS_ENDPOINT_URL": nobody,
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_REGION": "us-east-1",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 2, done.stderr


@pytest.mark.parametrize("command", of("aws"))
def test_a_call_of_aws_exists_with_its_parameters(command: list[str]) -> None:
    _, service, operation, *rest = command
    model = botocore.session.get_session().get_service_model(service)
    if operation == "wait":
        waiter, *rest = rest
        waiters = botocore.session.get_session().get_waiter_model(service)
        named = {xform_name(name, "-"): name for name in waiters.waiter_names}
        called = model.operation_model(waiters.get_waiter(named[waiter]).operation)
    else:
        calls = {xform_name(name, "-"): name for name in model.operation_names}
        called = model.operation_model(calls[operation])
    takes = {f"--{xform_name(name, '-')}": name for name in called.input_shape.members}
    given = {word for word in rest if word.startswith("--")}
    assert given - OPTIONS <= takes.keys()
    named = {takes[option] for option in given - OPTIONS}
    assert set(called.input_shape.required_members) <= named
    if (service, operation) in ANSWERED_INTO_A_FILE:
        assert not rest[-1].startswith("--")


@pytest.mark.parametrize("command", of("make"))
def test_a_target_of_make_exists(command: list[str]) -> None:
    targets = re.findall(
        r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    named = [word for word in command[1:] if "=" not in word and word[0] != "-"]
    assert named and set(named) <= set(targets)


@pytest.mark.parametrize("command", of("curl"))
def test_a_route_that_is_asked_is_in_a_document(command: list[str]) -> None:
    documents = [
        (ROOT / f"docs/{name}.md").read_text()
        for name in ("API", "ADMIN-API", "EVIDENCE-API")
    ]
    [url] = [word for word in command if "$ENGINE_API_URL" in word]
    path = url.removeprefix("$ENGINE_API_URL").split("?")[0]
    path = re.sub(r"/rates/[A-Z]+$", "/rates/{ticker}", path)
    shorter = path.removeprefix("/api/v1")
    assert any(path in text or f" {shorter}`" in text for text in documents), path


def test_the_documented_schedule_is_the_one_in_the_code() -> None:
    code = (ROOT / "shared/core/src/rotation/schedule.rs").read_text()
    names = dict(re.findall(r"Self::(\w+) => \"(\w+)\"", code))
    lines = re.findall(
        r"((?:Self::\w+(?: \| )?)+) => \(days\((\d+)\), (?:None|Some\(days\((\d+)\)\))\)",
        code,
    )
    rules = {
        names[kind]: (every, notice)
        for kinds, every, notice in lines
        for kind in re.findall(r"Self::(\w+)", kinds)
    }
    document = (ROOT / "docs/SECURITY.md").read_text()
    table = document.split("<!-- rotation table")[1].split("<!-- end of")[0]
    row = re.compile(
        r"^\|[^|]*\| `(\w+)` +\| +(\d+) days \|(?: +(\d+) days)? +\|", re.MULTILINE
    )
    assert {
        kind: (every, notice) for kind, every, notice in row.findall(table)
    } == rules
    assert len(rules) == len(names)


def test_what_calls_for_a_runbook_is_an_alarm_and_a_notice_that_exist() -> None:
    table = (ROOT / "docs/runbooks/README.md").read_text().split("| Alarm `")[1]
    cells = [row.split("|")[1:3] for row in table.splitlines() if row.startswith("| ")]
    alarms, notices = (
        {name for row in cells for name in re.findall(r"`([^`]+)`", row[column])}
        for column in (0, 1)
    )
    template = (ROOT / "infra/alarms.yaml").read_text()
    kinds = (ROOT / "shared/core/src/rotation/notice.rs").read_text()
    assert alarms and notices
    assert alarms <= set(re.findall(r"\$\{StackName\}-([a-z-]+)\"", template))
    assert notices <= set(re.findall(r" = \"([a-z_.]+)\", \"", kinds))
