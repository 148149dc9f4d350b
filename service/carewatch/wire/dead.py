"""Dead letters: why a record could not be understood, as a closed list."""

from collections.abc import Mapping
from typing import Final

import msgspec

from carewatch.domain.errors import InvalidRecord

REASONS: Final[tuple[str, ...]] = (
    "not_json",
    "not_form",
    "schema",
    "unknown_type",
    "missing_section",
    "contradiction",
    "time",
    "no_key",
    "no_value",
    "wrong_key",
    "version",
    "unknown_metric",
    "row_version",
    "row_checksum",
    "too_large",
    "wrong_account",
    "unmapped",
    "error",
)
"""Every reason a dead letter can have; safe to publish, since none quotes the payload."""


def dead_headers(
    *,
    reason: str,
    stage: str,
    kind: str,
    original_topic: str | None = None,
    original_partition: int | None = None,
    original_offset: int | None = None,
    ingest_ts: int | None = None,
    code_version: str,
    attempt: int = 1,
    channel: str | None = None,
    account: str | None = None,
    remembered: str | None = None,
) -> tuple[tuple[str, bytes], ...]:
    """The closed set of headers of a dead letter (ASCII; nothing of the payload).

    `kind` is `body` (a request body, from the gateway) or `record` (a record of a topic). A body
    names the `channel` and `account` of its URL, so that it can be parsed again; `remembered` is
    what `encode_remembered` made of its request's headers, sealed and in base64.
    """
    if reason not in REASONS:
        raise ValueError(f"{reason!r} is not a reason of a dead letter")
    pairs: list[tuple[str, object]] = [
        ("kind", kind),
        ("reason", reason),
        ("stage", stage),
        ("original_topic", original_topic),
        ("original_partition", original_partition),
        ("original_offset", original_offset),
        ("ingest_ts", ingest_ts),
        ("code_version", code_version),
        ("attempt", attempt),
        ("channel", channel),
        ("account", account),
        ("remembered", remembered),
    ]
    return tuple((name, str(value).encode()) for name, value in pairs if value is not None)


def reason_of(headers: tuple[tuple[str, bytes], ...]) -> str:
    """The reason that the headers of a dead letter name; `error` when they name none of ours."""
    told = dict(headers).get("reason", b"").decode(errors="replace")
    return told if told in REASONS else "error"


REMEMBERED_CHARS: Final = 256
"""The longest header of a request that is kept with its dead letter."""


def encode_remembered(headers: Mapping[str, str], names: tuple[str, ...]) -> bytes:
    """The headers of these names that a body's parse may need once more; empty without any.

    Only short printable ASCII is kept: whatever else stands there, no provider wrote it.
    """
    kept = {
        name: value
        for name in names
        if (value := headers.get(name))
        and len(value) <= REMEMBERED_CHARS
        and value.isascii()
        and value.isprintable()
    }
    return msgspec.json.encode(kept) if kept else b""


def decode_remembered(value: bytes) -> dict[str, str]:
    """The headers that were kept; raises InvalidRecord("schema") for anything else."""
    try:
        return msgspec.json.decode(value, type=dict[str, str])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRecord("schema") from error
