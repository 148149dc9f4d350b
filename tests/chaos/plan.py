"""Which faults, in which order: everything follows from the seed."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from random import Random
from typing import Final, Literal

from chaos.proxy import APIS, SPOILS

Kind = Literal[
    "kill", "failpoint", "freeze", "restart", "rolling", "join", "leave", "network",
    "broker_kill", "broker_restart", "broker_freeze", "isolate",
]  # fmt: skip

_WEIGHTS: Final[dict[Kind, int]] = {
    "kill": 26, "failpoint": 22, "freeze": 8, "restart": 6, "rolling": 2, "join": 6, "leave": 6,
    "broker_kill": 2, "broker_restart": 2, "network": 20,
}  # fmt: skip

_WEIGHTS_OF_A_CLUSTER: Final[dict[Kind, int]] = _WEIGHTS | {
    "broker_kill": 14, "broker_restart": 6, "broker_freeze": 8, "isolate": 8,
}  # fmt: skip
"""With three brokers one may be lost at any time, frozen, or cut off from its peers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault: `after_ms` from the one before, and what it needs to know."""

    number: int
    kind: Kind
    after_ms: int
    worker: int = 0
    broker: int = 0
    lasts_ms: int = 0
    failpoint: str = ""
    nth: int = 1
    spoil: str = ""
    api: str = ""

    def document(self) -> dict[str, object]:
        """For the report: without what the fault has no use for."""
        return {key: value for key, value in asdict(self).items() if value not in ("", 0)}


def plan(
    seed: int, count: int, failpoints: tuple[str, ...], *, brokers: int = 1
) -> Iterator[Fault]:
    """`count` faults. Every failpoint comes before any comes again, in an order of the seed."""
    random = Random(seed)
    weights = _WEIGHTS if brokers == 1 else _WEIGHTS_OF_A_CLUSTER
    kinds = list(weights)
    waiting: list[str] = []
    for number in range(count):
        [kind] = random.choices(kinds, list(weights.values()))
        if kind == "failpoint" and not waiting:
            waiting = random.sample(failpoints, len(failpoints))
        network = kind == "network"
        yield Fault(
            number=number,
            kind=kind,
            after_ms=random.randrange(200, 3500),
            worker=random.randrange(3),
            broker=random.randrange(brokers),
            lasts_ms=_lasting(random, kind),
            failpoint=waiting.pop() if kind == "failpoint" else "",
            nth=random.randrange(1, 6),
            spoil=random.choice(SPOILS) if network else "",
            api=random.choice(["", *APIS]) if network else "",
        )


def _lasting(random: Random, kind: Kind) -> int:
    """How long a fault lasts; a freeze is longer than the session timeouts, of workers and of
    brokers, and peers are apart for longer than a replica counts as in sync."""
    match kind:
        case "freeze":
            return random.randrange(4500, 8000)
        case "network":
            return random.randrange(300, 3500)
        case "broker_kill" | "broker_restart":
            return random.randrange(100, 3000)
        case "broker_freeze" | "isolate":
            return random.randrange(4000, 8000)
        case _:
            return 0
