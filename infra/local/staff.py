"""The company's token issuer, as a local stack sees it: a key pair of its own, made once, and tokens signed with it."""

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from .settings import Settings, write_private

ISSUER = "https://staff.localhost/"
LIFETIME = timedelta(hours=8)


def parameters(settings: Settings) -> dict[str, str]:
    """What the stack is told about this issuer, by parameter of the template."""
    document = {"keys": [_public_jwk(_key(settings))]}
    return {"StaffIssuer": ISSUER, "StaffIssuerKeysDocument": json.dumps(document)}


def token(
    settings: Settings,
    sub: str,
    roles: Sequence[str],
    lifetime: timedelta = LIFETIME,
    **claims: Any,
) -> str:
    """An access token as staff have them. Further claims are added, or take the place of those that it has."""
    now = int(time.time())
    usual = {
        "iss": ISSUER,
        "aud": f"borrow-rate-engine:{settings.stack}",
        "sub": sub,
        "iat": now,
        "exp": now + int(lifetime.total_seconds()),
        "jti": str(uuid.uuid4()),
        "roles": list(roles),
    }
    return sign(settings, {**usual, **claims})


def sign(
    settings: Settings, claims: dict[str, Any], header: dict[str, Any] | None = None
) -> str:
    """Any claims at all in a JWS of this issuer (ES256), for tests of what is refused too."""
    key = _key(settings)
    usual = {"alg": "ES256", "typ": "JWT", "kid": _public_jwk(key)["kid"]}
    signed = f"{_part({**usual, **(header or {})})}.{_part(claims)}"
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    # JWS wants the two numbers side by side, not in ASN.1 (RFC 7518, 3.4).
    return f"{signed}.{_base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _key(settings: Settings) -> ec.EllipticCurvePrivateKey:
    """Made once for a stack's state, and gone with it."""
    file = settings.staff_key_file
    if not file.exists():
        made = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        write_private(file, made.decode())
    key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def _public_jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    """Named by its thumbprint (RFC 7638)."""
    numbers = key.public_key().public_numbers()
    x, y = (_base64url(n.to_bytes(32, "big")) for n in (numbers.x, numbers.y))
    needed = {"crv": "P-256", "kty": "EC", "x": x, "y": y}
    canonical = json.dumps(needed, sort_keys=True, separators=(",", ":"))
    thumbprint = _base64url(hashlib.sha256(canonical.encode()).digest())
    return {**needed, "kid": thumbprint, "alg": "ES256", "use": "sig"}


def _part(value: dict[str, Any]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
