"""What Meta's channels share: the signature, the subscription handshake, the body's outer shape.

Meta signs the body as it is sent, with non-ASCII characters written as escapes: only the raw
bytes verify. There is no timestamp, so repeats are caught by event ids alone.
Source: Meta for Developers, Graph API, "Webhooks: getting started".
"""

import hmac
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from carewatch.channels.base import RawRequest, Reply, Secrets, Skip, attempt, each
from carewatch.channels.drafts import Draft
from carewatch.channels.fields import Fields, as_object, need_text
from carewatch.channels.verify import Hmac

SIGNATURE: Final = Hmac(
    "x-hub-signature-256", pick=r"^sha256=([0-9a-f]{64})$", write="sha256={signature}"
)

BODY_LIMIT: Final = 4_194_304
"""Meta batches up to 1000 updates; bodies of 3 MB are documented."""

_CHALLENGE_LIMIT: Final = 256


def subscription_challenge(request: RawRequest, secrets: Secrets) -> Reply | None:
    """Echoes `hub.challenge` for the configured verify token, None for anything else."""
    challenge = request.parameter("hub.challenge")
    token = request.parameter("hub.verify_token")
    if (
        request.method != "GET"
        or request.parameter("hub.mode") != "subscribe"
        or challenge is None
        or not 0 < len(challenge) <= _CHALLENGE_LIMIT
        or token is None
        or not secrets.token
        or not hmac.compare_digest(token.encode(), secrets.token.encode())
    ):
        return None
    return Reply(text=challenge)


def each_entry(
    body: object,
    expected_object: str,
    parse_entry: Callable[[Fields, str], Iterable[Draft | Skip]],
) -> Iterator[Draft | Skip]:
    """Walks `entry[]` of a verified body; an app that serves several products gets them mixed."""

    def document(item: object, path: str) -> Iterator[Draft | Skip]:
        fields = as_object(item, path)
        if need_text(fields, "object") != expected_object:
            return iter((Skip(reason="unmapped", path=f"{path}.object"),))
        return each(
            fields.get("entry"), "entry", lambda entry, at: parse_entry(as_object(entry, at), at)
        )

    return attempt(body, "body", document)


def each_change(
    entry: Fields, path: str, parse_change: Callable[[Fields, str], Iterable[Draft | Skip]]
) -> Iterator[Draft | Skip]:
    """Walks `changes[]` of an entry."""
    return each(
        entry.get("changes"),
        f"{path}.changes",
        lambda change, at: parse_change(as_object(change, at), at),
    )
