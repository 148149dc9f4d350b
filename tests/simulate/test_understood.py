"""What is simulated in the providers' shapes is what the gateway understands.

The two were written apart from each other, from the providers' documentation.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from prometheus_client import CollectorRegistry

from carewatch.channels import CHANNELS
from carewatch.channels.base import RawRequest
from carewatch.gateway.metrics import GatewayMetrics
from carewatch.gateway.producer import Outgoing
from carewatch.gateway.receive import Receiver, doors_of
from carewatch.settings import AccountSettings, PrivacySettings, Secret, Settings
from carewatch.simulate import doors
from carewatch.simulate.doors import SAMPLE_DOORS
from carewatch.simulate.request import Door, Request
from carewatch.simulate.story import Promise
from carewatch.simulate.tally import Series
from carewatch.simulate.traffic import Plan, Traffic
from carewatch.wire.envelope import Envelope, decode_envelope

START = 1_767_607_200_000


def account_of(door: Door) -> AccountSettings:
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


SETTINGS = Settings(
    accounts=tuple(account_of(door) for door in SAMPLE_DOORS),
    privacy=PrivacySettings(
        customer_keys={"acme": Secret("c" * 32)}, agent_keys={"acme": Secret("a" * 32)}
    ),
)


@dataclass
class Kept:
    """Publishes into a list."""

    records: list[Outgoing] = field(default_factory=list)
    unready: str | None = None

    async def publish(self, records: Sequence[Outgoing]) -> None:
        self.records.extend(records)


@dataclass
class Received:
    """What a gateway made of a traffic."""

    traffic: Traffic
    wrong: list[tuple[str, int, int]] = field(default_factory=list)
    events: list[Envelope] = field(default_factory=list)
    dead: int = 0


def raw(request: Request) -> RawRequest:
    headers = {name.lower(): value for name, value in request.headers(request.at_ms).items()}
    return RawRequest(
        method="POST",
        url=request.door.path,
        headers=headers,
        body=request.body,
        received_at=request.at_ms,
    )


async def receive_all(seed: int) -> Received:
    traffic = Traffic(
        Plan(
            seed=seed,
            start_ms=START,
            stop_ms=START + 180_000,
            rate=30,
            promise=Promise(policy="p", first_reply_ms=8000, next_reply_ms=8000),
            doors=SAMPLE_DOORS,
        )
    )
    events, dead = Kept(), Kept()
    receiver = Receiver(
        doors_of(SETTINGS, CHANNELS),
        CHANNELS,
        events=events,
        dead=dead,
        seal=None,
        metrics=GatewayMetrics(CollectorRegistry(), tuple(one.name for one in CHANNELS)),
    )
    received = Received(traffic)
    for request in traffic:
        answer = await receiver.receive(request.door.adapter, request.door.account, raw(request))
        if answer.reply.status != request.expect_status:
            received.wrong.append(
                (request.body.decode(errors="replace"), answer.reply.status, request.expect_status)
            )
    received.events = [decode_envelope(record.value) for record in events.records]
    received.dead = len(dead.records)
    return received


def author_of(event: Envelope) -> str:
    """The class of the author as the manifest names it."""
    message = event.data.message
    assert message is not None
    return "system" if message.automated else event.data.actor.kind


async def test_every_request_is_answered_as_the_simulator_expects() -> None:
    received = await receive_all(seed=1)

    assert received.wrong == []
    assert received.dead == received.traffic.dead_letters


async def test_every_message_arrives_with_its_direction_and_author() -> None:
    received = await receive_all(seed=2)
    unique = {(event.source, event.id): event for event in received.events}.values()

    counted = Counter(
        Series(
            event.data.tenant,
            event.data.channel,
            "messages",
            (("author", author_of(event)), ("direction", str(event.data.message.direction))),
        )
        for event in unique
        if event.type == "care.message.created" and event.data.message is not None
    )

    stated = {
        series: sum_.count for series, sum_ in received.traffic.tally if series.metric == "messages"
    }
    assert dict(counted) == stated


async def test_every_repetition_has_the_id_of_the_first_delivery() -> None:
    received = await receive_all(seed=3)

    times = Counter((event.source, event.id, event.data.channel) for event in received.events)
    repeated = Counter[str]()
    for (_, _, channel), n in times.items():
        repeated[channel] += n - 1

    stated = {
        series.channel: sum_.count
        for series, sum_ in received.traffic.tally
        if series.metric == "duplicate_events"
    }
    assert dict(repeated) == stated


async def test_every_conversation_has_a_key_of_its_own() -> None:
    received = await receive_all(seed=4)

    keys = {(event.source, event.data.conversation_key) for event in received.events}
    assert len(keys) == received.traffic.conversations


async def test_no_time_is_replaced_by_the_arrival() -> None:
    received = await receive_all(seed=5)

    assert {event.data.time_quality for event in received.events} <= {"s", "ms"}
    assert [event.id for event in received.events if event.data.time_original] == []


def test_an_account_is_simulated_as_the_gateway_knows_it() -> None:
    assert doors.doors_of(SETTINGS) == SAMPLE_DOORS
    assert msgspec.structs.asdict(SETTINGS.accounts[0])["account"] == "web-1"
