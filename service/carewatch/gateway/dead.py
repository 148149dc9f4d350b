"""Dead letters of the gateway: the bodies that could not be understood."""

import base64
from typing import Final

from carewatch import __version__
from carewatch.engine.sealing import Seal
from carewatch.gateway.producer import Outgoing
from carewatch.wire.dead import dead_headers

LARGEST: Final = 6_291_456 - 4096
"""Bytes of the largest body that `care.dead` takes, headers and seal aside."""


def dead_letter(
    body: bytes,
    reason: str,
    *,
    seal: Seal | None,
    channel: str,
    account: str,
    received_at: int,
    remembered: bytes = b"",
) -> Outgoing:
    """The record of `care.dead` for a request's body.

    `remembered` are the headers without which its channel would give its events other ids; they
    are sealed like the body, and never say how it was signed.


    A body beyond LARGEST is replaced by nothing, with the reason `too_large`: an error instead
    would make the provider repeat for ever what can never be stored.
    """
    if len(body) > LARGEST:
        body, reason = b"", "too_large"
    headers = dead_headers(
        reason=reason,
        stage="gateway",
        kind="body",
        ingest_ts=received_at,
        code_version=__version__,
        channel=channel,
        account=account,
        remembered=_text(seal.close(remembered) if seal else remembered) if remembered else None,
    )
    return Outgoing(None, seal.close(body) if seal else body, received_at, headers)


def dead_record(record: Outgoing, topic: str, partition: int, *, seal: Seal | None) -> Outgoing:
    """The record of `care.dead` for a record that Kafka does not take for its size."""
    headers = dead_headers(
        reason="too_large",
        stage="gateway",
        kind="record",
        original_topic=topic,
        original_partition=partition,
        ingest_ts=record.timestamp,
        code_version=__version__,
    )
    value = seal.close(record.value) if seal else record.value
    return Outgoing(record.key, value, record.timestamp, headers)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
