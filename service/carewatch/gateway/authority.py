"""Who speaks for messages and lifecycle where two sources tell of the same conversations.

A number that a helpdesk serves reports by itself, too: both told, every message would count twice.
`messages_from` and `lifecycle_from` of an account say which source counts. Where nobody said so the
helpdesk's word counts, as soon as it is seen that both speak of the same; what the other one tells
from then on is left out and counted, so that people see it and say which they mean.
"""

import logging
from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from typing import Final

from prometheus_client import Counter

from carewatch.channels.base import Account
from carewatch.gateway.doors import Door
from carewatch.wire.envelope import Envelope

logger = logging.getLogger(__name__)

_MESSAGES: Final = ("care.message.created", "care.message.updated", "care.message.deleted")
_LIFECYCLE: Final = (
    "care.conversation.opened", "care.conversation.status_changed", "care.conversation.assigned",
    "care.conversation.handoff", "care.conversation.merged", "care.queue.entered",
    "care.queue.left",
)  # fmt: skip

REMEMBERED: Final = 65_536
"""Messages of either side that are remembered until the other side tells of them."""

Place = tuple[str, str]
"""An account: its channel and its name."""


def speaks_for(account: Account, event_type: str) -> bool:
    """Whether this account's channel is the authority for such events, as far as it is said."""
    authority = _said(account, event_type)
    return authority is None or authority == account.channel


def _said(account: Account, event_type: str) -> str | None:
    if event_type in _MESSAGES:
        return account.messages_from
    return account.lifecycle_from if event_type in _LIFECYCLE else None


class Authority:
    """Sees which accounts a helpdesk tells of, and leaves these out where nothing is said.

    Accounts that `match` the same are about the same from the start. A message is known by its key,
    which is the same whoever names it (a helpdesk by the references of its events). A helpdesk that
    names none is taken at its channel: if the tenant has one account of it, they are the same.
    """

    def __init__(self, doors: Iterable[Door], overlaps: Counter) -> None:
        self._overlaps = overlaps
        self._served: dict[Place, Place] = {}
        self._by_channel: dict[tuple[str, str], set[Place]] = {}
        self._told: OrderedDict[str, Place] = OrderedDict()
        self._referred: OrderedDict[str, Place] = OrderedDict()
        self._lock = Lock()  # large bodies are taken apart beside the event loop
        doors = tuple(doors)
        for door in doors:
            if door.channel.source_role != "channel" or door.account.messages_from is not None:
                continue
            for other in doors:
                if (
                    other.channel.source_role == "helpdesk"
                    and other.account.tenant == door.account.tenant
                ):
                    self._warn(door, other)
                    if door.account.match.items() & other.account.match.items():
                        self._serve(_place(door), _place(other))

    def admits(self, door: Door, event: Envelope) -> bool:
        """Whether an event of this account counts; it may be the one by which an overlap shows."""
        with self._lock:
            if event.data.source_role == "helpdesk":
                self._hear_helpdesk(_place(door), event)
                return True
            if event.data.source_role != "channel":
                return True
            self._hear_channel(_place(door), event)
            if (
                _place(door) not in self._served
                or event.type not in (*_MESSAGES, *_LIFECYCLE)
                or _said(door.account, event.type) is not None
            ):
                return True
            self._overlaps.labels(door.account.channel).inc()
            return False

    def _hear_helpdesk(self, helpdesk: Place, event: Envelope) -> None:
        references = [ref.key for ref in event.data.external_refs if ref.kind == "message"]
        for key in references:
            account = self._told.get(key)
            if account is None:
                _remember(self._referred, key, helpdesk)
            else:
                self._serve(account, helpdesk)
        if not references and event.type in _MESSAGES:
            accounts = self._by_channel.get((event.data.tenant, event.data.channel), set())
            if len(accounts) == 1:
                self._serve(next(iter(accounts)), helpdesk)

    def _hear_channel(self, account: Place, event: Envelope) -> None:
        self._by_channel.setdefault((event.data.tenant, event.data.channel), set()).add(account)
        if event.data.message is None or event.type not in _MESSAGES:
            return
        helpdesk = self._referred.get(event.data.message.key)
        if helpdesk is None:
            _remember(self._told, event.data.message.key, account)
        else:
            self._serve(account, helpdesk)

    def _serve(self, account: Place, helpdesk: Place) -> None:
        if account not in self._served:
            self._served[account] = helpdesk
            mine, other = "/".join(account), "/".join(helpdesk)
            logger.warning("%s tells of the conversations of %s: its word counts now", other, mine)

    def _warn(self, door: Door, helpdesk: Door) -> None:
        mine, other = "/".join(_place(door)), "/".join(_place(helpdesk))
        logger.warning(
            "accounts: %s and %s of tenant %s may tell of the same conversations, and nobody says"
            " whose word counts: %s's will as soon as that shows. Remedy: set messages_from and"
            " lifecycle_from of %s (%s if it serves this account, else %s)",
            mine,
            other,
            door.account.tenant,
            other,
            mine,
            helpdesk.account.channel,
            door.account.channel,
        )


def _place(door: Door) -> Place:
    return door.account.channel, door.account.account_ref


def _remember(where: OrderedDict[str, Place], key: str, place: Place) -> None:
    where[key] = place
    if len(where) > REMEMBERED:
        where.popitem(last=False)
