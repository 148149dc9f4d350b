"""How a request and its items can end: two closed enums, each value one counter label.

Every request ends in exactly one `RequestOutcome`, which alone decides the HTTP status; every item
of a verified request ends in exactly one `ItemOutcome`. Nothing vanishes between the two.
"""

from enum import StrEnum
from typing import Final


class RequestOutcome(StrEnum):
    PUBLISHED = "published"
    """At least one event is stored, and nothing was left over."""
    IGNORED = "ignored"
    """Verified, and holds nothing that care metrics need (typing, a ping, an empty batch)."""
    DEAD_LETTERED = "dead_lettered"
    """Verified, but something in it was not understood: kept in `care.dead`, the rest is stored."""
    SPOOLED = "spooled"
    """Verified and taken apart like the others; part of it is safe on disk, not in Kafka yet."""
    CHALLENGED = "challenged"
    """A handshake of the provider, answered."""
    UNVERIFIED = "unverified"
    """The signature or token is missing or wrong."""
    STALE = "stale"
    """Signed, but outside the replay window."""
    UNKNOWN_ACCOUNT = "unknown_account"
    """No such channel or account; answered after the work of a wrong signature."""
    WRONG_METHOD = "wrong_method"
    TOO_SLOW = "too_slow"
    """The body did not arrive within the read timeout."""
    CUT_OFF = "cut_off"
    """The sender went away before the body was complete; nobody reads the answer."""
    TOO_LARGE = "too_large"
    ENCODED = "encoded"
    """A `Content-Encoding`: never unpacked, since a small bomb would cost seconds."""
    OVER_RATE = "over_rate"
    """Genuine, but more than the account's `rate_limit_per_second`."""
    UNAVAILABLE = "unavailable"
    """Safe nowhere, neither in Kafka nor in the spool: the provider keeps it and sends it again."""
    FAULT = "fault"
    """A bug in carewatch; the provider sends it again."""


STATUS: Final[dict[RequestOutcome, int]] = {
    RequestOutcome.PUBLISHED: 200,
    RequestOutcome.IGNORED: 200,
    RequestOutcome.DEAD_LETTERED: 200,
    RequestOutcome.SPOOLED: 200,
    RequestOutcome.CHALLENGED: 200,
    RequestOutcome.UNVERIFIED: 401,
    RequestOutcome.STALE: 401,
    RequestOutcome.UNKNOWN_ACCOUNT: 404,
    RequestOutcome.WRONG_METHOD: 405,
    RequestOutcome.TOO_SLOW: 408,
    RequestOutcome.CUT_OFF: 400,
    RequestOutcome.TOO_LARGE: 413,
    RequestOutcome.ENCODED: 415,
    RequestOutcome.OVER_RATE: 429,
    RequestOutcome.UNAVAILABLE: 503,
    RequestOutcome.FAULT: 500,
}
"""The HTTP status of every outcome; a channel may have its own form of a success."""


class ItemOutcome(StrEnum):
    PUBLISHED = "published"
    """An event, acknowledged by Kafka or safe in the spool."""
    REPEATED = "repeated"
    """Acknowledged before under the same id, and of a kind that repeats with every message."""
    IGNORED = "ignored"
    """Known, and deliberately no event: typing, an activity line, a setting of the provider."""
    OTHER_AUTHORITY = "other_authority"
    """Another source speaks for the account (`messages_from`, `lifecycle_from`, or a helpdesk)."""
    UNMAPPED = "unmapped"
    """A kind this channel does not know (yet): a dead letter."""
    INVALID = "invalid"
    """A known kind that could not be understood: a dead letter."""
    WRONG_ACCOUNT = "wrong_account"
    """Validly signed, but it names another account than the URL: a dead letter."""
