"""Which label values are shown by name: those of the rulebook and `none`; all else is `other`.

Label values come from outside (a helpdesk's queue names), so without this a renamed queue or a
mistaken integration would grow the number of series without bound. Names that nobody can read on a
page are cut.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product

from carewatch.domain.board import Snapshot
from carewatch.domain.catalogue.resolution import BACKLOG_STATES
from carewatch.domain.contributions import DUE_WITHIN
from carewatch.domain.metrics import CORRECTABLE
from carewatch.domain.rulebook import TARGETS, Document, Tenant

NONE = "none"
OTHER = "other"

LONGEST = 120
"""Characters of a name that are shown."""

CHANNELS = (
    "whatsapp", "messenger", "instagram", "x", "wechat", "telegram", "line", "viber", "slack",
    "sms", "email", "web", "voice", "other",
)  # fmt: skip

MESSAGES = (
    ("inbound", "customer"),
    ("outbound", "agent"),
    ("outbound", "bot"),
    ("outbound", "auto"),
    ("outbound", "system"),
    ("internal", "agent"),
)
"""Direction and class of author, in the pairs that are usual."""

TRANSITIONS = ("opened", "resolved", "reopened", "closed", "merged")
OUTCOMES = ("answered", "abandoned", "transferred", "callback", "flow_out")

_CLOSED: dict[str, frozenset[str]] = {
    "direction": frozenset(direction for direction, _ in MESSAGES),
    "author": frozenset(author for _, author in MESSAGES),
    "transition": frozenset(TRANSITIONS),
    "state": frozenset(BACKLOG_STATES),
    "outcome": frozenset(OUTCOMES),
    "target": frozenset(TARGETS),
    "metric": frozenset(CORRECTABLE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The label values of one rulebook and of the tenants' accounts."""

    queues: dict[str, frozenset[str]] = field(default_factory=dict)
    policies: dict[str, tuple[str, ...]] = field(default_factory=dict)
    within: frozenset[str] = frozenset()

    def place(self, tenant: str, channel: str, queue: str) -> tuple[str, str, str]:
        """Tenant, channel and queue as they are shown."""
        if tenant in self.queues:
            queues = self.queues[tenant]
        else:
            tenant, queues = (NONE if tenant == NONE else OTHER), frozenset()
        return (
            cut(tenant),
            channel if channel in CHANNELS or channel == NONE else OTHER,
            cut(queue) if queue in queues or queue == NONE else OTHER,
        )

    def value(self, label: str, value: str) -> str:
        """The value of a metric's own label as it is shown."""
        if label == "policy":
            return cut(value) if value in self.policies or value == NONE else OTHER
        if label == "within":
            return value if value in self.within else OTHER
        closed = _CLOSED.get(label)
        return value if closed is None or value in closed else OTHER

    def places(self, snapshot: Snapshot) -> list[tuple[str, str, str]]:
        """Places that stand at 0 before anything happens there.

        Every queue of a tenant, on every channel on which anything was heard for it.
        """
        heard = {
            point.labels[:2] for window in ("total", "now") for point in snapshot.points(window)
        }
        return [
            (cut(tenant), channel, cut(queue))
            for tenant, channel in sorted(heard)
            if tenant in self.queues and channel in CHANNELS
            for queue in sorted({*self.queues[tenant], NONE})
        ]

    def combinations(self, labels: Iterable[str]) -> Iterator[tuple[str, ...]]:
        """Values of a metric's own labels that can be told in advance."""
        match tuple(labels):
            case ():
                yield ()
            case ("direction", "author"):
                yield from MESSAGES
            case ("transition",):
                yield from product(TRANSITIONS)
            case ("state",):
                yield from product(BACKLOG_STATES)
            case ("outcome",):
                yield from product(OUTCOMES)
            case ("policy", "target"):
                for policy in sorted(self.policies):
                    yield from product((cut(policy),), self.policies[policy])
            case ("metric",):
                yield from product(CORRECTABLE)
            case _:
                return


def cut(name: str) -> str:
    """The name as it is shown; two that begin alike for long enough become one."""
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def known_values(rulebook: Document | None, tenants: Iterable[str] = ()) -> Known:
    """The label values of a rulebook, and of tenants that are configured without one."""
    document = rulebook or Document()
    queues = {tenant: frozenset[str]() for tenant in tenants}
    queues |= {name: frozenset(tenant.queues) for name, tenant in document.tenants.items()}
    policies: dict[str, set[str]] = {}
    for policy in document.policies:
        policies.setdefault(policy.policy, set()).update(policy.targets)
    texts = {
        text
        for tenant in (Tenant(), *document.tenants.values())
        for times in tenant.within.values()
        for text in times
    }
    return Known(
        queues=queues,
        within=frozenset(texts | DUE_WITHIN.keys()),
        policies={name: tuple(sorted(targets)) for name, targets in policies.items()},
    )
