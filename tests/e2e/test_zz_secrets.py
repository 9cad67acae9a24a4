"""Last: no secret that the suite had in its hands stands in a log line, in an item of a table, or in what is told of credentials."""

import time
from collections.abc import Iterator
from typing import Any

from conftest import HANDLED
from lifecycle import TOLD, Heard

# The parts of a secret that would give it away; shorter ones occur by chance.
SHORTEST = 20


def told(secret: str) -> str:
    """Of a credential of ours only what is secret in it: its id may be shown."""
    return secret.rsplit("_", 1)[-1] if secret.startswith("br") else secret


def log_lines(operator: Any) -> Iterator[tuple[str, str]]:
    logs = operator("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=name)
        for page in pages:
            for event in page["events"]:
                yield name, event["message"]


def items(operator: Any, stack: dict[str, str]) -> Iterator[tuple[str, str]]:
    dynamodb = operator("dynamodb")
    for table in dynamodb.list_tables()["TableNames"]:
        if table.startswith(stack["ENGINE_STACK"]):
            for page in dynamodb.get_paginator("scan").paginate(TableName=table):
                for item in page["Items"]:
                    yield table, str(item)


def told_of_credentials(heard: Heard) -> list[tuple[str, str]]:
    """Messages of the lifecycle topic and events of the bus, all that were heard so far."""
    heard.so_far("any", "any")
    return TOLD


def test_no_secret_is_ever_logged_stored_or_told(
    operator: Any, stack: dict[str, str], desk: Any, heard: Heard
) -> None:
    desk.alice.token()
    secrets = {told(secret) for secret in HANDLED | {stack["API_KEY"]}}
    secrets = {secret for secret in secrets if len(secret) >= SHORTEST}
    kinds = {secret[:3] for secret in HANDLED}
    assert {"bre", "eyJ"} <= kinds, "the suite handled keys and tokens"
    time.sleep(1)  # the last lines are on their way
    places = [*log_lines(operator), *items(operator, stack)]
    places += told_of_credentials(heard)
    assert any("/aws/lambda/" in place for place, _ in places)
    for table in ("-audit", "-rotations"):
        assert any(place.endswith(table) for place, _ in places)
    for place, text in places:
        leaked = [secret[:6] for secret in secrets if secret in text]
        assert not leaked, f"{place}: {leaked}"
