"""What API Gateway answers by itself, on the deployed stack."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def one_request_at_a_time(operator: Any, outputs: dict[str, str]) -> Iterator[None]:
    """The stage's throttle as low as it goes, then back to what the template says."""
    gateway = operator("apigateway")
    stage = {"restApiId": outputs["ApiId"], "stageName": "live"}
    before = gateway.get_stage(**stage)["methodSettings"]["*/*"]

    def throttle(rate: float, burst: int) -> None:
        limits = {"rateLimit": str(rate), "burstLimit": str(burst)}
        gateway.update_stage(
            **stage,
            patchOperations=[
                {"op": "replace", "path": f"/*/*/throttling/{name}", "value": value}
                for name, value in limits.items()
            ],
        )

    throttle(0.01, 1)
    yield
    throttle(before["throttlingRateLimit"], before["throttlingBurstLimit"])


def test_a_throttled_request_gets_a_problem_document_of_ours(
    api: Any, one_request_at_a_time: None
) -> None:
    answers = [api.get("/api/v1/health/liveness", key=None) for _ in range(4)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused, [answer.status_code for answer in answers]
    answer = refused[0]
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "5"
    assert (
        answer.headers["Content-Security-Policy"]
        == "default-src 'none'; frame-ancestors 'none'"
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    problem = answer.json()
    assert problem["status"] == 429
    assert problem["code"] == "rate_limited"
    assert problem["request_id"] == answer.headers["x-amzn-requestid"]
