"""What is told of credentials, as whoever listens hears it: on the lifecycle topic, and on the account's bus of events."""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import requests
from conftest import HANDLED, Desk, Member, done, somewhere

PATIENCE_SECONDS = 20
# Every message and event that was heard, with where. The last test looks for secrets in them.
TOLD: list[tuple[str, str]] = []


class Heard:
    """A queue that subscribes to the topic, and one that a rule of the bus fills; what they got so far."""

    def __init__(self, operator: Callable[[str], Any], topic: str, stack: str) -> None:
        self._sqs = operator("sqs")
        self._name = f"heard-{uuid.uuid4().hex[:8]}"
        self._notices: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []
        events = operator("events")
        pattern = {"source": ["borrow-rate-engine"], "detail": {"stack": [stack]}}
        rule = events.put_rule(Name=self._name, EventPattern=json.dumps(pattern))
        self._from_topic, arn = self._queue(
            f"{self._name}.fifo", topic, FifoQueue="true"
        )
        operator("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        self._from_bus, arn = self._queue(self._name, rule["RuleArn"])
        put = events.put_targets(Rule=self._name, Targets=[{"Id": "q", "Arn": arn}])
        assert put["FailedEntryCount"] == 0

    def _queue(self, name: str, source: str, **attributes: str) -> tuple[str, str]:
        made = self._sqs.create_queue(QueueName=name, Attributes=attributes)
        url = made["QueueUrl"]
        asked = self._sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=["QueueArn"]
        )
        arn = asked["Attributes"]["QueueArn"]
        allowed = {
            "Effect": "Allow",
            "Principal": {"Service": ["sns.amazonaws.com", "events.amazonaws.com"]},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": source}},
        }
        policy = {"Version": "2012-10-17", "Statement": [allowed]}
        self._sqs.set_queue_attributes(
            QueueUrl=url, Attributes={"Policy": json.dumps(policy)}
        )
        return url, arn

    def _drain(self, url: str) -> list[dict[str, Any]]:
        bodies = []
        while True:
            found = self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            messages = found.get("Messages", [])
            if not messages:
                return bodies
            for message in messages:
                self._sqs.delete_message(
                    QueueUrl=url, ReceiptHandle=message["ReceiptHandle"]
                )
                TOLD.append((url.rsplit("/", 1)[-1], message["Body"]))
                bodies.append(json.loads(message["Body"]))

    def so_far(
        self, kind: str, credential: str
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The messages and the events of that kind about that credential."""
        drained = self._drain(self._from_topic)
        # Who may publish is tried by another test, with a message that is no notice.
        texts = [body["Message"] for body in drained]
        self._notices += [json.loads(text) for text in texts if text.startswith("{")]
        self._events += self._drain(self._from_bus)
        about = f"{kind}#{credential}#"
        return (
            [told for told in self._notices if told["notice_id"].startswith(about)],
            [
                told
                for told in self._events
                if told["detail"]["notice_id"].startswith(about)
            ],
        )

    def wait_for(
        self, kind: str, credential: str
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The one message and the one event of that kind about that credential."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            notices, events = self.so_far(kind, credential)
            if notices and events:
                assert (len(notices), len(events)) == (1, 1), (notices, events)
                return notices[0], events[0]
            assert time.monotonic() < deadline, f"nobody told {kind} of {credential}"
            time.sleep(0.2)


def entries(
    operator: Callable[[str], Any], outputs: dict[str, str], event: str, words: str
) -> list[str]:
    """Ids, and so in order of time, of the audit entries of that event in which those words stand."""
    pages = operator("dynamodb").get_paginator("scan")
    found = pages.paginate(
        TableName=outputs["AuditTableName"],
        FilterExpression="contains(header, :event) AND contains(body, :words)",
        ExpressionAttributeValues={
            ":event": {"S": f'"event":"{event}"'},
            ":words": {"S": words},
        },
    )
    return sorted(item["sk"]["S"] for page in found for item in page["Items"])


def service_account(
    desk: Desk, operator: Callable[[str], Any], stack: dict[str, str]
) -> tuple[str, str]:
    """A new one that reads keys' metadata: its name, and its secret's."""
    name = f"svc-suite-{uuid.uuid4().hex[:10]}"
    body = {
        "name": name,
        "purpose": "has its credential rotated",
        "scopes": ["keys:read"],
        "owner": "alice",
        "justification": "brought in by a test",
    }
    asked = done(desk.alice("POST", "/admin/service-accounts", body), 201)
    desk.approve(asked["request_id"], desk.carol)
    return name, f"{stack['ENGINE_STACK']}/service-accounts/{name}"


def token(stack: dict[str, str], credential: str) -> requests.Response:
    """The token endpoint's answer to a document of a service account's secret."""
    document = json.loads(credential)
    HANDLED.add(document["client_secret"])
    answer = requests.post(
        stack["TOKEN_URL"],
        auth=(document["client_id"], document["client_secret"]),
        data={"grant_type": "client_credentials"},
        headers={"X-Forwarded-For": somewhere()},
        timeout=60,
    )
    if answer.status_code == 200:
        HANDLED.add(answer.json()["access_token"])
    return answer


def contact(by: Member, client: str, mailbox: Any, code_in: Callable[..., str]) -> str:
    """Somebody at the client who is reached. Answers the address."""
    address = f"ops@{client}.example"
    contacts = f"/admin/clients/{client}/contacts"
    body = {"name": "Ops", "email": address}
    made = done(by("POST", contacts, body, code=by.code()), 201)
    code = code_in(mailbox.next("contact.verification", address))
    done(by("POST", f"{contacts}/{made['contact_id']}/verify", {"code": code}), 200)
    return address
