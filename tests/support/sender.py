"""What the tests know of a provider: how it signs, which account it serves, whom it names.

One module per channel in `support.senders` holds a `SENDER`; its signing code is written from the
provider's documents, not from the adapter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from carewatch.channels.base import Account

NOW = 1_767_607_500_000
"""2026-01-05T10:05:00Z: all fixtures happened a little before."""

BASE = "https://care.example"
"""Where the providers of the tests reach the gateway."""


class Signs(Protocol):
    def __call__(self, body: bytes, url: str, at: int, secret: str) -> dict[str, str]:
        """The headers by which the provider proves that it sent `body` to `url` at `at` (ms)."""


def entries(document: object) -> list[object]:
    """A body with a list in `entry`, one body per entry (Meta)."""
    assert isinstance(document, dict)
    return [document | {"entry": [entry]} for entry in document["entry"]]


def halves(document: object) -> list[object]:
    """A body that is a list, in two."""
    assert isinstance(document, list)
    middle = len(document) // 2
    return [document[:middle], document[middle:]]


def no_query(body: bytes) -> str:
    """Most providers post to the URL as it is."""
    del body
    return ""


@dataclass(frozen=True, kw_only=True)
class Sender:
    """A provider as the contract suite sees it.

    `header` carries the proof; `personal` are words of the fixtures that identify or quote
    somebody; `window_ms` is the replay window where the scheme has one; `batch` names a fixture
    with at least two events that `parts` cuts into several bodies; objects below `keys_are_data`
    have field names that are values; `other_secret` is well-formed, and not the account's; `query`
    is what the provider adds to the URL for a body.
    """

    account: Account
    secret: str
    header: str
    sign: Signs
    personal: tuple[str, ...]
    other_secret: str = "whsec_" + "B" * 32
    token: str | None = None
    body: Literal["json", "form"] = "json"
    signs_body: bool = True
    window_ms: int | None = None
    batch: str | None = None
    parts: Callable[[object], list[object]] = halves
    keys_are_data: tuple[str, ...] = ()
    query: Callable[[bytes], str] = no_query
