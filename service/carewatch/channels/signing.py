"""Signs a payload as its provider would, by the very description that verifies it.

For `carewatch hooks send`, with which somebody tries a channel out before the provider is set up.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from carewatch.channels.base import RawRequest, Secrets
from carewatch.channels.verify import (
    Basic,
    Bearer,
    Hmac,
    Special,
    StaticHeader,
    UrlToken,
    Verifier,
    signed_bytes,
)
from carewatch.domain.errors import ConfigError
from carewatch.domain.times import format_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a sender adds to a request: headers, and query parameters of the URL."""

    headers: dict[str, str] = field(default_factory=dict, repr=False)
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def prove(verifiers: Sequence[Verifier], request: RawRequest, secrets: Secrets) -> Proof:
    """What makes `request` genuine at `request.received_at`: by the first scheme with a secret.

    Raises ConfigError when no secret of the account fits any of the channel's schemes.
    """
    for verifier in verifiers:
        if isinstance(verifier, UrlToken):
            if secrets.token:
                return Proof(query=((verifier.parameter, secrets.token),))
        elif isinstance(verifier, Bearer):
            if secrets.token:
                return Proof(headers={"authorization": f"Bearer {secrets.token}"})
        elif secrets.signing:
            query = verifier.adds(request) if isinstance(verifier, Special) else ()
            signed = replace(request, public_url=with_query(request.public_url, query))
            return Proof(headers=_headers(verifier, signed, secrets.signing[0]), query=query)
    raise ConfigError(
        "the account has no secret to sign with; set its secrets (or verify_token, where the"
        " channel takes a token) to a reference (env:NAME, file:path)"
    )


def with_query(url: str, query: Sequence[tuple[str, str]]) -> str:
    """A URL that has no query yet, with one."""
    return f"{url}?{urlencode(query)}" if query else url


def _headers(
    verifier: Hmac | StaticHeader | Basic | Special, request: RawRequest, secret: str
) -> dict[str, str]:
    match verifier:
        case Hmac():
            return _hmac_headers(verifier, request, secret)
        case StaticHeader():
            return {verifier.header: secret}
        case Basic():
            return {"authorization": "Basic " + base64.b64encode(secret.encode()).decode()}
        case Special():
            return {verifier.header: verifier.sign(request, secret)}


def _hmac_headers(scheme: Hmac, request: RawRequest, secret: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name in re.findall(r"\{(\w+)\}", scheme.signed):
        if name not in ("body", "ts", "method", "url"):
            # The only other header that providers sign is the id of the delivery.
            digest = hashlib.sha256(request.body).hexdigest()
            headers[name.replace("_", "-")] = f"msg_{digest[:24]}"
    if scheme.ts is not None:
        headers[scheme.ts] = _written(scheme, request.received_at)
    signed = signed_bytes(scheme, replace(request, headers={**request.headers, **headers}))
    digest_bytes = hmac.digest(scheme.key(secret), signed, scheme.alg)
    if scheme.enc == "hex":
        signature = digest_bytes.hex()
    else:
        signature = base64.b64encode(digest_bytes).decode()
    return headers | {scheme.header: scheme.write.replace("{signature}", signature)}


def _written(scheme: Hmac, now: int) -> str:
    """The time of the signature as this provider writes it."""
    match scheme.ts_form:
        case "s":
            return str(now // 1000)
        case "ms":
            return str(now)
        case "iso":
            return format_time(now // 1000 * 1000).replace(".000Z", "Z")
