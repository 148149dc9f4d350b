"""Simulated traffic through the real door of the gateway, without HTTP and without Kafka."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from carewatch.channels import CHANNELS
from carewatch.channels.base import RawRequest
from carewatch.gateway.doors import doors_of
from carewatch.gateway.metrics import GatewayMetrics
from carewatch.gateway.producer import Outgoing
from carewatch.gateway.receive import Receiver
from carewatch.gateway.spool import Addressed
from carewatch.settings import AccountSettings, PrivacySettings, Secret, Settings
from carewatch.simulate.doors import SAMPLE_DOORS
from carewatch.simulate.request import Door, Request
from carewatch.simulate.traffic import Traffic
from carewatch.wire.topics import EVENTS


def _account_of(door: Door) -> AccountSettings:
    key = {"chatwoot": "account_id", "whatsapp": "phone_number_id"}.get(door.adapter)
    return AccountSettings(
        channel=door.adapter,
        account=door.account,
        tenant=door.tenant,
        secrets=(Secret(door.secret),),
        match={key: door.provider_account} if key else {},
        messages_from=None if key is None else door.adapter,
        options={},
    )


SAMPLE_SETTINGS = Settings(
    accounts=tuple(_account_of(door) for door in SAMPLE_DOORS),
    privacy=PrivacySettings(
        customer_keys={"acme": Secret("c" * 32)}, agent_keys={"acme": Secret("a" * 32)}
    ),
)
"""A gateway with the doors at which the simulator calls."""


@dataclass
class Kept:
    """Stores in memory."""

    events: list[Outgoing] = field(default_factory=list)
    dead: list[Outgoing] = field(default_factory=list)

    async def store(self, records: Sequence[Addressed], *, spool: bool) -> bool:
        for topic, record in records:
            (self.events if topic == EVENTS else self.dead).append(record)
        return False


@dataclass
class Received:
    """What a gateway made of a traffic: events in order, answers that were not the expected."""

    wrong: list[tuple[str, int, int]] = field(default_factory=list)
    events: list[Outgoing] = field(default_factory=list)
    dead: int = 0


async def receive_all(traffic: Traffic, settings: Settings) -> Received:
    """Every request at its own time."""
    kept = Kept()
    receiver = Receiver(
        doors_of(settings, CHANNELS),
        CHANNELS,
        stores=kept,
        seal=None,
        metrics=GatewayMetrics(CollectorRegistry(), tuple(one.name for one in CHANNELS)),
    )
    received = Received(events=kept.events)
    for request in traffic:
        answer = await receiver.receive(request.door.adapter, request.door.account, raw(request))
        if answer.reply.status != request.expect_status:
            told = (request.body.decode(errors="replace"), answer.reply.status)
            received.wrong.append((*told, request.expect_status))
    received.dead = len(kept.dead)
    return received


def raw(request: Request) -> RawRequest:
    """The request as it arrives, at once."""
    headers = {name.lower(): value for name, value in request.headers(request.at_ms).items()}
    return RawRequest(
        method="POST",
        url=request.door.path,
        headers=headers,
        body=request.body,
        received_at=request.at_ms,
    )
