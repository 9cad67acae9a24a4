"""The authenticators of the made-up people: codes by RFC 6238, none of them given out twice."""

import base64
import hmac
import json
import struct
import time

from . import deploy
from .console import StepFailed
from .settings import Settings, write_private

STEP_SECONDS = 30
BOOTSTRAP = "bootstrap"


def enrol(settings: Settings, name: str, secret: str) -> None:
    """Remembers a person's secret (base32)."""
    _save(settings, {**_factors(settings), name: {"secret": secret, "last_step": 0}})


def is_enrolled(settings: Settings, name: str) -> bool:
    return name in _factors(settings)


def code(settings: Settings, name: str) -> str:
    """The earliest code that is still accepted and was not used; waits for the next one where all were."""
    if name == BOOTSTRAP and not is_enrolled(settings, name):
        enrol(settings, name, _bootstrap_secret(settings))
    factors = _factors(settings)
    if name not in factors:
        raise StepFailed(f"{name} has no second factor here")
    factor = factors[name]
    # A step back is accepted as long as it lasts: not one that ends while the code is on its way.
    earliest = int((time.time() + 2) // STEP_SECONDS) - 1
    step = max(earliest, factor["last_step"] + 1)
    # One ahead is accepted too; that one ends the wait.
    while (wait := (step - 1) * STEP_SECONDS - time.time()) > 0:
        time.sleep(wait)
    factor["last_step"] = step
    _save(settings, factors)
    return at_step(factor["secret"], step)


def at_step(secret: str, step: int) -> str:
    """Six digits for a step of 30 seconds since 1970."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", step), "sha1")
    start = digest[-1] & 0x0F
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFF_FFFF
    return f"{number % 1_000_000:06}"


def _bootstrap_secret(settings: Settings) -> str:
    secrets = deploy.client(settings, "secretsmanager")
    name = f"{settings.stack}/bootstrap-totp"
    return secrets.get_secret_value(SecretId=name)["SecretString"]


def _factors(settings: Settings) -> dict[str, dict]:
    file = settings.factors_file
    return json.loads(file.read_text()) if file.exists() else {}


def _save(settings: Settings, factors: dict[str, dict]) -> None:
    write_private(settings.factors_file, json.dumps(factors))
