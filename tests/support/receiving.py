"""A receiver over topics in memory: what becomes of a request, without HTTP and Kafka."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from carewatch.channels import CHANNELS
from carewatch.channels.base import ChannelAdapter
from carewatch.channels.outcomes import ItemOutcome, RequestOutcome
from carewatch.engine.sealing import Seal
from carewatch.gateway.delivery import Delivery, lanes_by
from carewatch.gateway.doors import doors_of
from carewatch.gateway.metrics import GatewayMetrics
from carewatch.gateway.producer import Outgoing, Unavailable
from carewatch.gateway.receive import Receiver
from carewatch.settings import GatewaySettings, Settings
from carewatch.wire.envelope import decode_envelope
from carewatch.wire.topics import DEAD, EVENTS, TEXT
from support import hooks
from support.sender import BASE

lane_of = lanes_by({EVENTS: 4, DEAD: 1, TEXT: 4})
SETTINGS = Settings(
    gateway=GatewaySettings(public_base_url=BASE),
    accounts=hooks.account_settings(),
    privacy=hooks.PRIVACY,
)

GENERIC_ONLY = Settings(accounts=hooks.account_settings()[:1], privacy=hooks.PRIVACY)


@dataclass
class Topic:
    """A topic in memory that can refuse."""

    records: list[Outgoing] = field(default_factory=list)
    unready: str | None = None
    was_ready: bool = True

    async def publish(self, records: Sequence[Outgoing]) -> None:
        if self.unready:
            raise Unavailable(self.unready)
        self.records += records

    @property
    def ids(self) -> list[str]:
        return [decode_envelope(record.value).id for record in self.records]


class Lab:
    """A receiver over topics in memory."""

    def __init__(
        self, settings: Settings = SETTINGS, channels: tuple[ChannelAdapter, ...] = CHANNELS
    ) -> None:
        self.events, self.dead, self.text = Topic(), Topic(), Topic()
        self.registry = CollectorRegistry()
        self.seal = Seal("dead letter key")
        self.receiver = Receiver(
            doors_of(settings, channels),
            channels,
            stores=Delivery(
                {EVENTS: self.events, DEAD: self.dead, TEXT: self.text}, lane_of, None, self.seal
            ),
            seal=self.seal,
            metrics=GatewayMetrics(self.registry, tuple(c.name for c in CHANNELS)),
        )

    async def post(
        self, channel: str, body: bytes, headers: dict[str, str] | None = None, account: str = ""
    ) -> RequestOutcome:
        request = hooks.request(channel if channel in hooks.ACCOUNTS else "generic", body, headers)
        name = account or hooks.ACCOUNTS[channel].account_ref
        return (await self.receiver.receive(channel, name, request)).outcome

    def ids(self) -> list[str]:
        """Of the events that are stored."""
        return self.events.ids

    def items(self, channel: str) -> dict[str, float]:
        """Item outcomes that are not zero."""
        counted = {
            outcome.value: self.registry.get_sample_value(
                "care_webhook_items_total", {"channel": channel, "outcome": outcome.value}
            )
            for outcome in ItemOutcome
        }
        return {name: value for name, value in counted.items() if value}


def body_of(name: str) -> tuple[str, bytes]:
    fixture = next(f for f in hooks.fixtures() if f.name == name)
    return fixture.channel, fixture.body
