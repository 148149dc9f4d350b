"""What channels that speak CloudEvents share: the handshake before a sender delivers.

A sender asks by OPTIONS, naming its origin, whether and how often it may post here. The answer
grants nothing that a signature does not prove anew with every request.
Source: CloudEvents, HTTP 1.1 Web Hooks for Event Delivery, version 1.0, section 4.
"""

from typing import Final

from carewatch.channels.base import Account, RawRequest, Reply

_ORIGIN: Final = "webhook-request-origin"
_LONGEST: Final = 256


def delivery_permission(request: RawRequest, account: Account) -> Reply | None:
    """The answer to a sender's OPTIONS; None when it is none, or its origin is not allowed.

    The account's option `origins` lists those that are, apart by spaces; without it any is.
    """
    origin = request.headers.get(_ORIGIN, "")
    allowed = account.options.get("origins")
    if (
        request.method != "OPTIONS"
        or not 0 < len(origin) <= _LONGEST
        or not (origin.isascii() and origin.isprintable())
        or (allowed is not None and origin not in allowed.split())
    ):
        return None
    rate = account.rate_limit_per_second
    return Reply(
        headers=(
            ("WebHook-Allowed-Origin", origin),
            ("WebHook-Allowed-Rate", "*" if rate is None else str(rate * 60)),
            ("Allow", "OPTIONS, POST"),
        )
    )
