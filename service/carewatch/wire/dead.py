"""Dead letters: why a record could not be understood, as a closed list."""

from typing import Final

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
) -> tuple[tuple[str, bytes], ...]:
    """The closed set of headers of a dead letter (ASCII; nothing of the payload).

    `kind` is `body` (a request body, from the gateway) or `record` (a record of a topic). A body
    names the `channel` and `account` of its URL, so that it can be parsed again.
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
    ]
    return tuple((name, str(value).encode()) for name, value in pairs if value is not None)


def reason_of(headers: tuple[tuple[str, bytes], ...]) -> str:
    """The reason that the headers of a dead letter name; `error` when they name none of ours."""
    told = dict(headers).get("reason", b"").decode(errors="replace")
    return told if told in REASONS else "error"
