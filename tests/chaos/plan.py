"""Which faults, in which order: everything follows from the seed."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from random import Random
from typing import Final, Literal

from chaos.proxy import APIS, SPOILS

Kind = Literal[
    "kill", "failpoint", "freeze", "restart", "join", "leave", "broker_kill", "broker_restart",
    "network",
]  # fmt: skip

_WEIGHTS: Final[dict[Kind, int]] = {
    "kill": 26, "failpoint": 22, "freeze": 8, "restart": 8, "join": 6, "leave": 6,
    "broker_kill": 2, "broker_restart": 2, "network": 20,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault: `after_ms` from the one before, and what it needs to know."""

    number: int
    kind: Kind
    after_ms: int
    worker: int = 0
    lasts_ms: int = 0
    failpoint: str = ""
    nth: int = 1
    spoil: str = ""
    api: str = ""

    def document(self) -> dict[str, object]:
        """For the report: without what the fault has no use for."""
        return {key: value for key, value in asdict(self).items() if value not in ("", 0)}


def plan(seed: int, count: int, failpoints: tuple[str, ...]) -> Iterator[Fault]:
    """`count` faults. Every failpoint comes before any comes again, in an order of the seed."""
    random = Random(seed)
    kinds = list(_WEIGHTS)
    waiting: list[str] = []
    for number in range(count):
        [kind] = random.choices(kinds, [_WEIGHTS[kind] for kind in kinds])
        if kind == "failpoint" and not waiting:
            waiting = random.sample(failpoints, len(failpoints))
        network = kind == "network"
        yield Fault(
            number=number,
            kind=kind,
            after_ms=random.randrange(200, 3500),
            worker=random.randrange(3),
            lasts_ms=_lasting(random, kind),
            failpoint=waiting.pop() if kind == "failpoint" else "",
            nth=random.randrange(1, 6),
            spoil=random.choice(SPOILS) if network else "",
            api=random.choice(["", *APIS]) if network else "",
        )


def _lasting(random: Random, kind: Kind) -> int:
    """How long a fault lasts; a freeze is longer than the session timeout of the run."""
    match kind:
        case "freeze":
            return random.randrange(2500, 6000)
        case "network":
            return random.randrange(300, 3500)
        case "broker_kill" | "broker_restart":
            return random.randrange(100, 3000)
        case _:
            return 0
