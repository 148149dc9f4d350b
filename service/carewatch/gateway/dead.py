"""Dead letters of the gateway: the bodies that could not be understood."""

from typing import Final

from carewatch import __version__
from carewatch.engine.sealing import Seal
from carewatch.gateway.producer import Outgoing
from carewatch.wire.dead import dead_headers

LARGEST: Final = 6_291_456 - 4096
"""Bytes of the largest body that `care.dead` takes, headers and seal aside."""


def dead_letter(
    body: bytes, reason: str, *, seal: Seal | None, channel: str, account: str, received_at: int
) -> Outgoing:
    """The record of `care.dead` for a request's body.

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
    )
    return Outgoing(None, seal.close(body) if seal else body, received_at, headers)
