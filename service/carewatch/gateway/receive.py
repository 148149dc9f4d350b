"""What becomes of one request: verified, parsed, published, answered. No HTTP in here.

Order matters: nothing of an unverified body is parsed or stored, and nothing is answered with a
success before it is safe (`delivery`).
"""

import asyncio
import logging
import secrets as entropy
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol, TypeVar

from carewatch.channels.base import (
    Account,
    ChannelAdapter,
    RawRequest,
    Reply,
    Secrets,
    Skip,
    SkipReason,
)
from carewatch.channels.drafts import Draft
from carewatch.channels.outcomes import STATUS, ItemOutcome, RequestOutcome
from carewatch.channels.verify import Hmac, Special, Verdict, verify
from carewatch.domain.errors import ConfigError, InvalidRecord
from carewatch.engine.sealing import Seal
from carewatch.gateway.bugs import log_bug
from carewatch.gateway.dead import dead_letter
from carewatch.gateway.metrics import GatewayMetrics
from carewatch.gateway.normalise import normalise, speaks_for
from carewatch.gateway.producer import Outgoing, Unavailable
from carewatch.gateway.pseudonyms import Pseudonyms, pseudonyms_of
from carewatch.gateway.spool import Addressed
from carewatch.settings import AccountSettings, Settings
from carewatch.wire.dead import encode_remembered
from carewatch.wire.envelope import CONTENT_TYPE, encode_event
from carewatch.wire.topics import DEAD, EVENTS

logger = logging.getLogger(__name__)

T = TypeVar("T")

THREAD_FROM_BYTES: Final = 65_536
"""A larger body is verified and parsed beside the event loop, so that others need not wait."""

REMEMBERED: Final = 65_536
"""How many acknowledged ids of ever-repeated events are kept."""

_REPEATED_TYPES: Final = ("care.customer.linked",)
"""Events that say the same with every message: repeats would be dropped later, at a price."""

_ITEM: Final[dict[SkipReason, ItemOutcome]] = {
    "ignored": ItemOutcome.IGNORED,
    "unmapped": ItemOutcome.UNMAPPED,
    "wrong_account": ItemOutcome.WRONG_ACCOUNT,
}


class Stores(Protocol):
    """A `delivery.Delivery`."""

    async def store(self, records: Sequence[Addressed], *, spool: bool) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """An account that may be written to: what verifies it, what it may say, how it is hidden."""

    channel: ChannelAdapter
    account: Account
    secrets: Secrets = field(repr=False)
    hide: Pseudonyms = field(repr=False)
    spool: bool = True
    """Whether its events may wait on disk while Kafka is away; else the provider keeps them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The outcome, and what the provider is told."""

    outcome: RequestOutcome
    reply: Reply


def doors_of(settings: Settings, channels: Sequence[ChannelAdapter]) -> dict[tuple[str, str], Door]:
    """Every configured account by (channel, account).

    Raises ConfigError for an unknown channel, an account that could verify nobody, a secret that
    the channel's scheme cannot use, or a scheme that signs the public address while none is
    configured: a door without a lock never opens.
    """
    by_name = {channel.name: channel for channel in channels}
    doors: dict[tuple[str, str], Door] = {}
    for account in settings.accounts:
        where = f"accounts: {account.channel}/{account.account}"
        channel = by_name.get(account.channel)
        if channel is None:
            raise ConfigError(
                f"{where}: channel {account.channel!r} is unknown; known are {', '.join(by_name)}"
            )
        secrets = _usable(where, channel, account)
        if settings.gateway.public_base_url is None and _signs_url(channel):
            raise ConfigError(
                f"{where}: gateway.public_base_url is not set, and {channel.name} signs the address"
                " it posts to; set it to the address that you give the provider, up to /hooks"
                " (https://care.example)"
            )
        doors[account.channel, account.account] = Door(
            channel=channel,
            account=Account(
                tenant=account.tenant,
                channel=account.channel,
                account_ref=account.account,
                match=account.match,
                options=account.options,
                messages_from=account.messages_from,
                lifecycle_from=account.lifecycle_from,
                api_sender=account.api_sender,
            ),
            secrets=secrets,
            hide=pseudonyms_of(settings.privacy, account.tenant, account.channel, account.account),
            spool=account.spool,
        )
    return doors


def _usable(where: str, channel: ChannelAdapter, account: AccountSettings) -> Secrets:
    signing = tuple(secret.reveal() for secret in account.secrets)
    token = account.verify_token.reveal() if account.verify_token else None
    if not any(signing) and not token:
        raise ConfigError(
            f"{where}: no secret, so nobody could be verified; set secrets to a reference"
            " (env:NAME, file:path) to the provider's signing secret"
        )
    for verifier in channel.verifiers:
        for secret in signing:
            try:
                usable = not isinstance(verifier, Hmac) or bool(verifier.key(secret))
            except ValueError:
                usable = False
            if not usable:
                raise ConfigError(
                    f"{where}: a secret has not the form that {channel.name} uses (for generic:"
                    " base64, with or without whsec_ in front)"
                )
    return Secrets(signing=signing, token=token)


def _signs_url(channel: ChannelAdapter) -> bool:
    """Whether the gateway must know its own public address to verify this channel."""
    return any(isinstance(one, Special) and one.signs_url for one in channel.verifiers)


class Receiver:
    """Takes requests for all accounts, and knows nothing of HTTP connections."""

    def __init__(
        self,
        doors: dict[tuple[str, str], Door],
        channels: Sequence[ChannelAdapter],
        *,
        stores: Stores,
        seal: Seal | None,
        metrics: GatewayMetrics,
    ) -> None:
        self._doors = doors
        self._channels = {channel.name: channel for channel in channels}
        self._decoy = channels[0]
        # Nobody knows this secret, so verifying with it is the work of a wrong signature. It is
        # base64, which every scheme can use.
        self._decoy_secrets = Secrets(signing=(entropy.token_hex(32),))
        self._stores = stores
        self._seal = seal
        self._metrics = metrics
        self._acknowledged: OrderedDict[str, None] = OrderedDict()

    def limit_of(self, channel: str, default: int) -> int:
        """How many bytes a body of this channel may have."""
        adapter = self._channels.get(channel)
        return max(default, adapter.body_limit or 0) if adapter else default

    async def receive(self, channel: str, account: str, request: RawRequest) -> Answer:
        """Decides about one whole request; `request.received_at` is now."""
        try:
            return await self._receive(channel, account, request)
        except Unavailable:
            return _answer(RequestOutcome.UNAVAILABLE)
        except Exception as error:  # noqa: BLE001 - a bug: the provider keeps the event
            log_bug(f"channel {self.label(channel)}", error)
            return _answer(RequestOutcome.FAULT)

    def label(self, channel: str) -> str:
        """The channel as a metric label: a known name or `other`."""
        return channel if channel in self._channels else "other"

    async def _receive(self, channel: str, account: str, request: RawRequest) -> Answer:
        door = self._doors.get((channel, account))
        if request.method == "GET":
            return self._handshake(door, request)
        verdict = await _aside(request, partial(self._verdict, door, channel, request))
        if door is None:
            return _answer(RequestOutcome.UNKNOWN_ACCOUNT)
        match verdict:
            case Verdict.GENUINE:
                pass
            case Verdict.STALE:
                return _answer(RequestOutcome.STALE)
            case Verdict.UNVERIFIED:
                return _answer(RequestOutcome.UNVERIFIED)
        parsed = await _aside(request, partial(_parse, door, request))
        return await self._publish(door, request, parsed)

    def _handshake(self, door: Door | None, request: RawRequest) -> Answer:
        if door is None:
            return _answer(RequestOutcome.UNKNOWN_ACCOUNT)
        if not request.query:
            return _answer(RequestOutcome.WRONG_METHOD)
        reply = door.channel.challenge(request, door.secrets, door.account)
        if reply is None:
            return _answer(RequestOutcome.UNVERIFIED)
        return Answer(outcome=RequestOutcome.CHALLENGED, reply=reply)

    def _verdict(self, door: Door | None, channel: str, request: RawRequest) -> Verdict:
        """The same work for an unknown account as for a wrong signature."""
        if door is None:
            adapter = self._channels.get(channel, self._decoy)
            verify(adapter.verifiers, request, self._decoy_secrets, request.received_at)
            return Verdict.UNVERIFIED
        return verify(door.channel.verifiers, request, door.secrets, request.received_at)

    async def _publish(self, door: Door, request: RawRequest, parsed: "_Parsed") -> Answer:
        """Stores everything, then counts and answers: an item counts once it is safe."""
        fresh: dict[str, Outgoing] = {
            event_id: record
            for event_id, record in parsed.events
            if event_id not in self._acknowledged
        }
        records: list[Addressed] = [(EVENTS, record) for record in fresh.values()]
        if parsed.dead is not None:
            letter = dead_letter(
                request.body,
                parsed.dead,
                seal=self._seal,
                channel=door.account.channel,
                account=door.account.account_ref,
                received_at=request.received_at,
                remembered=encode_remembered(request.headers, door.channel.remembers),
            )
            records.append((DEAD, letter))
        spooled = False
        if records:
            with self._metrics.publish_seconds.time():
                spooled = await self._stores.store(records, spool=door.spool)

        self._remember(parsed.repeated & fresh.keys())
        counted = list(parsed.skipped)
        for event_id, _ in parsed.events:
            counted.append(ItemOutcome.PUBLISHED if event_id in fresh else ItemOutcome.REPEATED)
        for item in counted:
            self._metrics.items.labels(door.channel.name, item.value).inc()
        for reason in parsed.invalid:
            self._metrics.invalid.labels(reason).inc()
        outcome = RequestOutcome.SPOOLED if spooled else parsed.outcome
        return Answer(outcome=outcome, reply=door.channel.success)

    def _remember(self, event_ids: set[str]) -> None:
        for event_id in event_ids:
            self._acknowledged[event_id] = None
        while len(self._acknowledged) > REMEMBERED:
            self._acknowledged.popitem(last=False)


async def _aside(request: RawRequest, work: Callable[[], T]) -> T:
    """Does the work of a large body beside the event loop."""
    if len(request.body) < THREAD_FROM_BYTES:
        return work()
    return await asyncio.to_thread(work)


@dataclass(slots=True)
class _Parsed:
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


def _parse(door: Door, request: RawRequest) -> _Parsed:
    parsed = _Parsed()
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
    parsed = _parse(door, request)
    return [record for _, record in parsed.events], parsed.dead


def _take(parsed: _Parsed, item: Draft | Skip, door: Door, request: RawRequest) -> None:
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


def _answer(outcome: RequestOutcome) -> Answer:
    return Answer(outcome=outcome, reply=Reply(status=STATUS[outcome]))
