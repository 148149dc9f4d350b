"""A verified body, taken apart: the events it means, and what became of everything else in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from carewatch.channels.base import RawRequest, Skip, SkipReason
from carewatch.channels.drafts import Draft
from carewatch.channels.outcomes import ItemOutcome, RequestOutcome
from carewatch.domain.errors import InvalidRecord
from carewatch.gateway.bugs import log_bug
from carewatch.gateway.doors import Door
from carewatch.gateway.normalise import normalise, speaks_for
from carewatch.gateway.producer import Outgoing
from carewatch.wire.envelope import CONTENT_TYPE, encode_event

_REPEATED_TYPES: Final = ("care.customer.linked",)
"""Events that say the same with every message: repeats would be dropped later, at a price."""

_ITEM: Final[dict[SkipReason, ItemOutcome]] = {
    "ignored": ItemOutcome.IGNORED,
    "unmapped": ItemOutcome.UNMAPPED,
    "wrong_account": ItemOutcome.WRONG_ACCOUNT,
}


@dataclass(slots=True)
class Parsed:
    """A verified body, taken apart: the events by id, and what became of the rest."""

    events: list[tuple[str, Outgoing]] = field(default_factory=list)
    repeated: set[str] = field(default_factory=set)
    skipped: list[ItemOutcome] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)

    @property
    def dead(self) -> str | None:
        """The reason of the dead letter: the first of what was not understood."""
        return self.invalid[0] if self.invalid else None

    @property
    def outcome(self) -> RequestOutcome:
        """How the request ends once all of it is stored."""
        if self.invalid:
            return RequestOutcome.DEAD_LETTERED
        return RequestOutcome.PUBLISHED if self.events else RequestOutcome.IGNORED


def parse(door: Door, request: RawRequest) -> Parsed:
    parsed = Parsed()
    try:
        for item in door.channel.parse(request, door.account):
            _take(parsed, item, door, request)
    except InvalidRecord as error:
        parsed.skipped.append(ItemOutcome.INVALID)
        parsed.invalid.append(error.reason)
    except Exception as error:  # noqa: BLE001 - a bug that would fail at every retry: keep the body
        log_bug(f"channel {door.channel.name}", error)
        parsed.skipped.append(ItemOutcome.INVALID)
        parsed.invalid.append("error")
    return parsed


def parse_again(
    door: Door, body: bytes, received_at: int, headers: Mapping[str, str]
) -> tuple[list[Outgoing], str | None]:
    """The events of a body that arrived at `received_at`, and why not all of it was understood.

    `headers` are those that its channel remembers: without them its events had other ids.
    """
    request = RawRequest(method="POST", url="", headers=headers, body=body, received_at=received_at)
    parsed = parse(door, request)
    return [record for _, record in parsed.events], parsed.dead


def _take(parsed: Parsed, item: Draft | Skip, door: Door, request: RawRequest) -> None:
    if isinstance(item, Skip):
        parsed.skipped.append(_ITEM.get(item.reason, ItemOutcome.INVALID))
        if item.reason != "ignored":
            parsed.invalid.append(item.reason)
        return
    if not speaks_for(door.account, item.type):
        parsed.skipped.append(ItemOutcome.OTHER_AUTHORITY)
        return
    try:
        event = normalise(item, door.channel, door.account, door.hide, request.received_at)
    except InvalidRecord as error:
        parsed.skipped.append(ItemOutcome.INVALID)
        parsed.invalid.append(error.reason)
        return
    if event.type in _REPEATED_TYPES:
        parsed.repeated.add(event.id)
    record = Outgoing(
        event.partitionkey.encode(), encode_event(event), request.received_at, (CONTENT_TYPE,)
    )
    parsed.events.append((event.id, record))
