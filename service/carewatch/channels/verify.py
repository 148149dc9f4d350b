"""Proof that a request is genuine, described as data: one HMAC description fits most providers.

Signatures are computed over the raw bytes and compared in constant time; every configured secret
is tried (rotation) and every signature the header lists. The algorithm is the channel's, never the
request's. Whatever goes wrong while looking at hostile input is a refusal, never an error.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from typing import Final, Literal, Protocol

from carewatch.domain.errors import InvalidRecord
from carewatch.domain.times import parse_time


class Signed(Protocol):
    """What verification looks at: a `RawRequest`."""

    @property
    def method(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def public_url(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...
    def parameter(self, name: str) -> str | None: ...
    def form(self) -> tuple[tuple[str, str], ...]: ...


class Credentials(Protocol):
    """What verification compares with: `Secrets`."""

    @property
    def signing(self) -> Sequence[str]: ...
    @property
    def token(self) -> str | None: ...


class Verdict(StrEnum):
    GENUINE = "genuine"
    UNVERIFIED = "unverified"
    STALE = "stale"
    """Signed correctly, but outside the replay window."""


@dataclass(frozen=True, slots=True)
class Hmac:
    """A provider's HMAC scheme.

    `pick` extracts the candidate signatures from `header`; `signed` is what was signed, where
    `{body}` are the raw bytes, `{ts}` the text of the timestamp header, `{method}`, `{url}` the
    request's, and any other name a header (`{webhook_id}` is `webhook-id`). `ts` names the
    timestamp header, `ts_form` how it is written (seconds, milliseconds, RFC 3339), `window_ms`
    how far it may be from now. `key` turns a configured secret into the key's bytes. `write` is
    how a sender writes the header (for `channels.signing`).
    """

    header: str
    alg: Literal["sha256", "sha1"] = "sha256"
    enc: Literal["hex", "base64"] = "hex"
    pick: str = r"^(.+)$"
    signed: str = "{body}"
    ts: str | None = None
    ts_form: Literal["s", "ms", "iso"] = "s"
    window_ms: int = 300_000
    key: Callable[[str], bytes] = str.encode
    write: str = "{signature}"


@dataclass(frozen=True, slots=True)
class StaticHeader:
    """A shared secret in a header: proves the sender, not the body."""

    header: str


@dataclass(frozen=True, slots=True)
class Basic:
    """Basic authentication; the configured secret is `user:password`."""


@dataclass(frozen=True, slots=True)
class UrlToken:
    """The account's token as a query parameter: for senders that cannot sign.

    Works only for accounts that configure a token on purpose.
    """

    parameter: str = "token"


@dataclass(frozen=True, slots=True)
class Bearer:
    """The account's token as `Authorization: Bearer`: proves the sender, not the body.

    Works only for accounts that configure a token on purpose.
    """


def _nothing(request: Signed) -> tuple[tuple[str, str], ...]:
    del request
    return ()


@dataclass(frozen=True, slots=True)
class Special:
    """A scheme that no description fits: a function of its own, in the channel's module.

    `check(request, secret, now)` says whether this one secret proves the request; it compares in
    constant time, may raise on hostile input (a refusal), and takes nothing on trust from it.
    `sign(request, secret)` gives what `header`, which carries the proof, must say. One that
    `signs_url` works only where the public address of the gateway is configured; `adds(request)`
    gives the query parameters that its sender puts into the address before it signs.
    """

    header: str
    check: Callable[[Signed, str, int], bool]
    sign: Callable[[Signed, str], str]
    signs_url: bool = False
    adds: Callable[[Signed], tuple[tuple[str, str], ...]] = _nothing


Verifier = Hmac | StaticHeader | Basic | UrlToken | Bearer | Special

_MAX_CANDIDATES: Final = 8
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")


def verify(
    verifiers: Sequence[Verifier], request: Signed, secrets: Credentials, now: int
) -> Verdict:
    """GENUINE when any of the channel's verifiers is satisfied; `now` is ms UTC."""
    verdict = Verdict.UNVERIFIED
    for verifier in verifiers:
        match _one(verifier, request, secrets, now):
            case Verdict.GENUINE:
                return Verdict.GENUINE
            case Verdict.STALE:
                verdict = Verdict.STALE
            case Verdict.UNVERIFIED:
                pass
    return verdict


def _one(verifier: Verifier, request: Signed, secrets: Credentials, now: int) -> Verdict:
    try:
        match verifier:
            case Hmac():
                return _hmac(verifier, request, secrets.signing, now)
            case StaticHeader():
                stated = request.headers[verifier.header]
                genuine = _any_equal((stated.encode(),), [s.encode() for s in secrets.signing])
            case Basic():
                scheme, _, rest = request.headers["authorization"].partition(" ")
                stated_bytes = base64.b64decode(rest, validate=True)
                genuine = scheme.lower() == "basic" and _any_equal(
                    (stated_bytes,), [s.encode() for s in secrets.signing]
                )
            case Special():
                genuine = any(
                    verifier.check(request, secret, now) for secret in secrets.signing if secret
                )
            case UrlToken():
                genuine = _is_token(request.parameter(verifier.parameter), secrets)
            case Bearer():
                scheme, _, token = request.headers["authorization"].partition(" ")
                genuine = scheme.lower() == "bearer" and _is_token(token, secrets)
    except Exception:  # noqa: BLE001 - whatever hostile input provokes is a refusal
        return Verdict.UNVERIFIED
    return Verdict.GENUINE if genuine else Verdict.UNVERIFIED


def _is_token(stated: str | None, secrets: Credentials) -> bool:
    """Whether somebody states the account's token; never, where it has none."""
    if stated is None or secrets.token is None:
        return False
    return _any_equal((stated.encode(),), [secrets.token.encode()])


def _hmac(scheme: Hmac, request: Signed, secrets: Sequence[str], now: int) -> Verdict:
    message = signed_bytes(scheme, request)
    stated = re.findall(scheme.pick, request.headers[scheme.header])[:_MAX_CANDIDATES]
    candidates = [_decode(scheme.enc, text) for text in stated]
    expected = [
        hmac.digest(_key(scheme.key, secret), message, scheme.alg) for secret in secrets if secret
    ]
    if not _any_equal([c for c in candidates if c is not None], expected):
        return Verdict.UNVERIFIED
    if scheme.ts is not None:
        at = _signed_at(scheme, request.headers[scheme.ts])
        if at is None:
            return Verdict.UNVERIFIED
        if abs(now - at) > scheme.window_ms:
            return Verdict.STALE
    return Verdict.GENUINE


@lru_cache(maxsize=1024)
def _key(of: Callable[[str], bytes], secret: str) -> bytes:
    """The bytes of a secret: it is the same with every request."""
    return of(secret)


def _signed_at(scheme: Hmac, text: str) -> int | None:
    """The time of the signature in ms UTC; None when it is not written as the scheme writes it."""
    if scheme.ts_form == "iso":
        try:
            return parse_time(text)
        except InvalidRecord:
            return None
    if not re.fullmatch(r"[0-9]{1,15}", text):
        return None
    return int(text) * (1000 if scheme.ts_form == "s" else 1)


def signed_bytes(scheme: Hmac, request: Signed) -> bytes:
    """The bytes a provider signs; raises KeyError when a header it covers is missing."""
    parts: list[bytes] = []
    literals, names = _template(scheme.signed)
    for literal, name in zip(literals, names, strict=False):
        parts.append(literal)
        match name:
            case "body":
                parts.append(request.body)
            case "ts":
                parts.append(request.headers[scheme.ts or ""].encode())
            case "method":
                parts.append(request.method.encode())
            case "url":
                parts.append(request.url.encode())
            case _:
                parts.append(request.headers[name.replace("_", "-")].encode())
    parts.append(literals[-1])
    return b"".join(parts)


@cache
def _template(signed: str) -> tuple[tuple[bytes, ...], tuple[str, ...]]:
    """What stands between the placeholders, and their names; one for each scheme."""
    pieces = _PLACEHOLDER.split(signed)
    return tuple(one.encode() for one in pieces[::2]), tuple(pieces[1::2])


def _decode(enc: Literal["hex", "base64"], text: str) -> bytes | None:
    """One stated signature; None when it is not what the scheme writes (case and padding too)."""
    try:
        if enc == "hex":
            return bytes.fromhex(text) if re.fullmatch(r"(?:[0-9a-f]{2})+", text) else None
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None


def _any_equal(stated: Sequence[bytes], expected: Sequence[bytes]) -> bool:
    """Compares every pair, so that the time taken says nothing about which one fitted."""
    equal = False
    for one in stated:
        for other in expected:
            equal |= bool(other) and hmac.compare_digest(
                hashlib.sha256(one).digest(), hashlib.sha256(other).digest()
            )
    return equal
