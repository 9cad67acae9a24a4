"""What bad requests get, through API Gateway too: a problem that names what is wrong, never a 5xx."""

import pytest

CALCULATE = "/api/v1/calculate-locate"
SECURITY_HEADERS = {
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "Referrer-Policy",
    "Content-Security-Policy",
    "Cache-Control",
}


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"),
    [
        ("GET", "/api/v1/nothing-here", {}, 404, "route_not_found"),
        ("GET", "/nothing-here", {}, 404, "route_not_found"),
        ("DELETE", CALCULATE, {}, 405, "method_not_allowed"),
        ("PUT", "/api/v1/rates/AAPL", {}, 405, "method_not_allowed"),
        (
            "POST",
            CALCULATE,
            {"data": "{", "headers": {"Content-Type": "application/json"}},
            400,
            "malformed_body",
        ),
        (
            "POST",
            CALCULATE,
            {"data": "a=1", "headers": {"Content-Type": "text/plain"}},
            415,
            "unsupported_media_type",
        ),
        ("POST", CALCULATE, {"json": {"ticker": "A" * 70_000}}, 413, "body_too_large"),
        (
            "POST",
            CALCULATE,
            {"json": {"ticker": "NOSUCH", "position_value": 1, "loan_days": 1}},
            404,
            "ticker_not_found",
        ),
        (
            "POST",
            CALCULATE,
            {
                "json": {
                    "ticker": "AAPL",
                    "position_value": 1,
                    "loan_days": 1,
                    "client_id": "another",
                }
            },
            403,
            "client_mismatch",
        ),
    ],
)
def test_each_kind_of_bad_request_has_its_problem(
    api, method, path, options, status, code
):
    answer = api(method, path, **options)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json()["code"] == code
    assert all(name in answer.headers for name in SECURITY_HEADERS)


def test_every_bad_field_is_named_at_once(api):
    body = {
        "ticker": "'; DROP TABLE keys; --",
        "position_value": "1,000",
        "loan_days": 1.5,
        "client_id": "<script>",
    }
    answer = api.post(CALCULATE, body)
    assert answer.status_code == 400
    assert {error["field"] for error in answer.json()["errors"]} == set(body)


def test_a_wrong_method_says_which_are_right(api):
    assert api("DELETE", CALCULATE).headers["Allow"] == "GET, POST"
