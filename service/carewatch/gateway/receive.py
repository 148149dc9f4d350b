"""What becomes of one request: verified, parsed, published, answered. No HTTP in here.

Order matters: nothing of an unverified body is parsed or stored, and nothing is answered with a
success before it is safe (`delivery`).
"""

import asyncio
import secrets as entropy
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, TypeVar

from carewatch.channels.base import ChannelAdapter, RawRequest, Reply, Secrets
from carewatch.channels.outcomes import STATUS, ItemOutcome, RequestOutcome
from carewatch.channels.verify import Verdict, verify
from carewatch.engine.sealing import Seal
from carewatch.gateway.authority import Authority
from carewatch.gateway.bugs import log_bug
from carewatch.gateway.dead import dead_letter
from carewatch.gateway.doors import Door
from carewatch.gateway.metrics import GatewayMetrics
from carewatch.gateway.parsing import Parsed, parse
from carewatch.gateway.producer import Outgoing, Unavailable
from carewatch.gateway.spool import Addressed
from carewatch.wire.dead import encode_remembered
from carewatch.wire.topics import DEAD, EVENTS, TEXT

T = TypeVar("T")

THREAD_FROM_BYTES: Final = 65_536
"""A larger body is verified and parsed beside the event loop, so that others need not wait."""

REMEMBERED: Final = 65_536
"""How many acknowledged ids of ever-repeated events are kept."""


class Stores(Protocol):
    """A `delivery.Delivery`."""

    async def store(self, records: Sequence[Addressed], *, spool: bool) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The outcome, and what the provider is told."""

    outcome: RequestOutcome
    reply: Reply


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
        self._authority = Authority(doors.values(), metrics.overlaps)
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
        if request.method != "POST":
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
        # Only what is genuine counts: nobody can use up the rate of somebody else's account.
        wait_ms = door.rate.take(request.received_at) if door.rate else 0
        if wait_ms:
            return _over_rate(wait_ms)
        parsed = await _aside(request, partial(parse, door, request, self._authority))
        return await self._publish(door, request, parsed)

    def _handshake(self, door: Door | None, request: RawRequest) -> Answer:
        if door is None:
            return _answer(RequestOutcome.UNKNOWN_ACCOUNT)
        reply = door.channel.challenge(request, door.secrets, door.account)
        if reply is None:
            asked = request.query or "webhook-request-origin" in request.headers
            return _answer(RequestOutcome.UNVERIFIED if asked else RequestOutcome.WRONG_METHOD)
        return Answer(outcome=RequestOutcome.CHALLENGED, reply=reply)

    def _verdict(self, door: Door | None, channel: str, request: RawRequest) -> Verdict:
        """The same work for an unknown account as for a wrong signature."""
        if door is None:
            adapter = self._channels.get(channel, self._decoy)
            verify(adapter.verifiers, request, self._decoy_secrets, request.received_at)
            return Verdict.UNVERIFIED
        return verify(door.channel.verifiers, request, door.secrets, request.received_at)

    async def _publish(self, door: Door, request: RawRequest, parsed: Parsed) -> Answer:
        """Stores everything, then counts and answers: an item counts once it is safe."""
        fresh: dict[str, Outgoing] = {
            event_id: record
            for event_id, record in parsed.events
            if event_id not in self._acknowledged
        }
        records: list[Addressed] = [(EVENTS, record) for record in fresh.values()]
        records += ((TEXT, record) for record in parsed.texts)
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


def _over_rate(wait_ms: int) -> Answer:
    seconds = str(-(-wait_ms // 1000))
    reply = Reply(status=STATUS[RequestOutcome.OVER_RATE], headers=(("Retry-After", seconds),))
    return Answer(outcome=RequestOutcome.OVER_RATE, reply=reply)


def _answer(outcome: RequestOutcome) -> Answer:
    return Answer(outcome=outcome, reply=Reply(status=STATUS[outcome]))
