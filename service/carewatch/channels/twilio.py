"""Twilio's signature, which all its webhooks share.

Twilio signs the address it posts to, with everything behind it, and the fields of a form, sorted by
name: so the gateway must know its public address (`gateway.public_base_url`), and never takes it
from the request. A body that is no form is signed by its hash, which stands in the address
(`bodySHA256`). There is no timestamp: repeats are caught by event ids alone.
Source: Twilio documentation, "Webhooks security"; the validators of its libraries.
"""

import base64
import hashlib
import hmac
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from carewatch.channels.verify import Signed, Special

_STANDARD_PORTS: Final = {"https": 443, "http": 80}


def signature(url: str, fields: tuple[tuple[str, str], ...], token: str) -> str:
    """What Twilio writes for this address and form; a field that is repeated counts once."""
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    digest = hmac.digest(token.encode(), signed.encode(), "sha1")
    return base64.b64encode(digest).decode("ascii")


def _with_and_without_port(url: str) -> tuple[str, str]:
    """Twilio signs some addresses with their port, some without, whatever was configured."""
    parts = urlsplit(url)
    host = parts.netloc
    if parts.port is not None:
        host = host.removesuffix(f":{parts.port}")
    port = parts.port or _STANDARD_PORTS[parts.scheme]
    return (
        parts._replace(netloc=f"{host}:{port}").geturl(),
        parts._replace(netloc=host).geturl(),
    )


def _body_hash(url: str) -> str | None:
    """The hash of the body, where the address states one."""
    return dict(parse_qsl(urlsplit(url).query)).get("bodySHA256")


def _signed_fields(request: Signed) -> tuple[tuple[str, str], ...]:
    """The fields that stand in the signature: those of a form, none of another body."""
    if not request.body or _body_hash(request.public_url) is not None:
        return ()
    return request.form()


def _check(request: Signed, token: str, now: int) -> bool:
    del now
    stated = request.headers["x-twilio-signature"].encode()
    body_hash = _body_hash(request.public_url)
    genuine = False
    for url in _with_and_without_port(request.public_url):
        expected = signature(url, _signed_fields(request), token).encode()
        genuine |= hmac.compare_digest(expected, stated)
    if body_hash is not None:
        digest = hashlib.sha256(request.body).hexdigest()
        genuine &= hmac.compare_digest(digest.encode(), body_hash.encode())
    return genuine


def _sign(request: Signed, token: str) -> str:
    return signature(request.public_url, _signed_fields(request), token)


def _adds(request: Signed) -> tuple[tuple[str, str], ...]:
    """The hash of a body that is no form."""
    if request.body.lstrip()[:1] not in (b"{", b"["):
        return ()
    return (("bodySHA256", hashlib.sha256(request.body).hexdigest()),)


SIGNATURE: Final = Special(
    "x-twilio-signature", check=_check, sign=_sign, signs_url=True, adds=_adds
)
