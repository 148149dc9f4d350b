"""A verified body, taken apart: the events it means, and what became of everything else in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from carewatch.channels.base import RawRequest, Skip, SkipReason
from carewatch.channels.drafts import Draft
from carewatch.channels.outcomes import ItemOutcome, RequestOutcome
from carewatch.domain.errors import InvalidRecord
from carewatch.domain.times import parse_time
from carewatch.gateway.authority import Authority, speaks_for
from carewatch.gateway.bugs import log_bug
from carewatch.gateway.doors import Door
from carewatch.gateway.normalise import normalise
from carewatch.gateway.producer import Outgoing
from carewatch.gateway.spool import Addressed
from carewatch.wire.envelope import CONTENT_TYPE, Envelope, encode_event
from carewatch.wire.texts import TextData, encode_text
from carewatch.wire.topics import EVENTS, TEXT

_REPEATED_TYPES: Final = ("care.customer.linked",)
"""Events that say the same with every message: repeats would be dropped later, at a price."""

TEXT_CHARS: Final = 100_000
"""The rest of a longer text is cut off: an annotator needs no more, and the topic takes no more."""

_ITEM: Final[dict[SkipReason, ItemOutcome]] = {
    "ignored": ItemOutcome.IGNORED,
    "unmapped": ItemOutcome.UNMAPPED,
    "wrong_account": ItemOutcome.WRONG_ACCOUNT,
}


@dataclass(slots=True)
class Parsed:
    """A verified body, taken apart: the events by id, and what became of the rest."""

    events: list[tuple[str, Outgoing]] = field(default_factory=list)
    texts: list[Outgoing] = field(default_factory=list)
    """What customers wrote, where the account's tenant has switched that on."""
    repeated: set[str] = field(default_factory=set)
    skipped: list[ItemOutcome] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)

    @property
    def records(self) -> list[Addressed]:
        """Everything that was understood, each with its topic."""
        return [
            *((EVENTS, record) for _, record in self.events),
            *((TEXT, record) for record in self.texts),
        ]

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


def parse(door: Door, request: RawRequest, authority: Authority | None = None) -> Parsed:
    """Takes a genuine body apart; what raises is a dead letter, never an error.

    Without `authority` only what the configuration says decides who speaks.
    """
    parsed = Parsed()
    try:
        for item in door.channel.parse(request, door.account):
            _take(parsed, item, door, request, authority)
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
) -> tuple[list[Addressed], str | None]:
    """The records of a body that arrived at `received_at`, and why not all of it was understood.

    `headers` are those that its channel remembers: without them its events had other ids.
    """
    request = RawRequest(method="POST", url="", headers=headers, body=body, received_at=received_at)
    parsed = parse(door, request)
    return parsed.records, parsed.dead


def _take(
    parsed: Parsed,
    item: Draft | Skip,
    door: Door,
    request: RawRequest,
    authority: Authority | None,
) -> None:
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
    if authority is not None and not authority.admits(door, event):
        parsed.skipped.append(ItemOutcome.OTHER_AUTHORITY)
        return
    if event.type in _REPEATED_TYPES:
        parsed.repeated.add(event.id)
    record = Outgoing(
        event.partitionkey.encode(), encode_event(event), request.received_at, (CONTENT_TYPE,)
    )
    parsed.events.append((event.id, record))
    if door.keeps_text and (text := _text(item, event)) is not None:
        parsed.texts.append(text)


def _text(draft: Draft, event: Envelope) -> Outgoing | None:
    """The record of `care.text`; None for whatever a customer did not write as words."""
    message = draft.message
    if (
        message is None
        or message.text is None
        or not message.text.value
        or draft.actor.kind != "customer"
        or event.data.message is None
    ):
        return None
    key = event.data.message.key
    value = encode_text(
        id_=event.id,
        source=event.source,
        time=event.time,
        message=TextData(
            tenant=event.data.tenant,
            channel=event.data.channel,
            conversation_key=event.data.conversation_key,
            message_key=key,
            text=message.text.value[:TEXT_CHARS],
            account_ref=event.data.account_ref,
            source_role=event.data.source_role,
            lang=message.lang,
        ),
    )
    return Outgoing(key.encode(), value, parse_time(event.recordedtime), (CONTENT_TYPE,))
