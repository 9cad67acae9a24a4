"""A client with a key, and a first quote with it."""

import json
import shlex
import time
import urllib.error
import urllib.request
from typing import Any

from . import deploy, people
from .console import StepFailed
from .settings import Settings, read_env_file, write_env_file

QUOTE = {"ticker": "AAPL", "position_value": "100000", "loan_days": 30}
# A quote may be asked for before the functions have seen the import.
QUOTE_SECONDS = 20


def prepare(settings: Settings) -> dict[str, str]:
    """Writes the env file, with the key that it already holds if that still works."""
    base = deploy.base_url(settings)
    values = {
        "BASE_URL": base,
        "API_URL": f"{base}/api/v1",
        "ADMIN_URL": f"{base}/admin",
        "TOKEN_URL": f"{base}/api/v1/oauth/token",
        "ENGINE_API_URL": base,
        **settings.operator_variables(),
    }
    key = read_env_file(settings).get("API_KEY")
    if not key or not _accepted(values["API_URL"], key):
        key = people.key(settings)
    values["API_KEY"] = key
    write_env_file(settings, values)
    return values


def quote(values: dict[str, str]) -> dict[str, Any]:
    """A priced quote, through API Gateway."""
    deadline = time.monotonic() + QUOTE_SECONDS
    while True:
        status, body = _post(
            f"{values['API_URL']}/calculate-locate", values["API_KEY"], QUOTE
        )
        if status == 200:
            return body
        if time.monotonic() > deadline:
            raise StepFailed(
                f"no quote: the API answers {status}: {json.dumps(body, indent=2)}"
            )
        time.sleep(0.5)


def as_curl(values: dict[str, str]) -> str:
    return " ".join(
        [
            f"curl -sS {shlex.quote(values['API_URL'] + '/calculate-locate')}",
            f"-H {shlex.quote('X-API-Key: ' + values['API_KEY'])}",
            "-H 'Content-Type: application/json'",
            f"-d {shlex.quote(json.dumps(QUOTE))}",
        ]
    )


def _accepted(api: str, key: str) -> bool:
    request = urllib.request.Request(f"{api}/rates?limit=1", headers={"X-API-Key": key})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status == 200
    except OSError:
        return False


def _post(url: str, key: str, body: dict[str, Any]) -> tuple[int, Any]:
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    request = urllib.request.Request(
        url, json.dumps(body).encode(), headers, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return 0, str(error)
