"""Queue now: who waits, for how long, and whose promise is due next."""

from collections.abc import Iterator
from typing import Final

from carewatch.domain.calendar import ALWAYS_NAME
from carewatch.domain.policy import Promise
from carewatch.domain.rulebook import Target
from carewatch.wall.asked import Place
from carewatch.wall.figures import ask
from carewatch.wall.promised import State, against, limits_of, worst
from carewatch.wall.scene import Scene
from carewatch.wall.tile import Board, Due, Queue, Tile, time_goal
from carewatch.wall.trends import Gauge
from carewatch.wall.views.age import data_age

WAITING: Final = Gauge(ask("waiting_conversations"))
OLDEST: Final = Gauge(ask("oldest_unanswered"), since=True)
UNASSIGNED: Final = Gauge(ask("open_conversations", state="unassigned"))
DUE_SOON: Final = Gauge(ask("sla_due_within", within="15m"))
BREACHED: Final = Gauge(ask("sla_breached_open_conversations"))
_AT_RISK: Final = ask("sla_at_risk_conversations")

GAUGES: Final = (WAITING, OLDEST, UNASSIGNED, DUE_SOON, BREACHED)
"""What must be remembered for the trends of this view."""

_LISTED: Final = 12
_REPLIES: Final[tuple[Target, ...]] = ("first_reply", "next_reply")


def board(scene: Scene) -> Board:
    """The tiles from left to right, and the list of what is due."""
    present = scene.present
    breached, risky = present.count(BREACHED.question), present.count(_AT_RISK)
    soon = present.count(DUE_SOON.question)
    waiting: State = "breach" if breached else "risk" if risky else "ok"
    return Board(
        tiles=(
            scene.standing("waiting", "Waiting", WAITING, waiting),
            _oldest(scene),
            scene.standing("unassigned", "Unassigned", UNASSIGNED),
            scene.standing("due_15m", "Due in 15 min", DUE_SOON, "risk" if soon else "ok"),
            scene.standing("breached", "Breached, open", BREACHED, "breach" if breached else "ok"),
            data_age(scene),
        ),
        panels=(next_to_breach(scene),),
    )


def _oldest(scene: Scene) -> Tile:
    """Nobody waiting is good news, not missing data."""
    known = bool(scene.places())
    since = scene.present.least(OLDEST.question)
    states: list[State] = ["ok"] if known else ["none"]
    for place, promise in _allowed(scene):
        least = scene.windows.of(place, "now").least(OLDEST.question)
        if least is not None and promise.clock == ALWAYS_NAME:
            states.append(against(promise, max(0, scene.now - least)))
    promises = [one for target in _REPLIES for _, one in scene.promised(target)]
    return Tile(
        id="oldest",
        label="Longest wait",
        unit="ms",
        value=scene.waited(since),
        state=worst(states),
        as_of=scene.watermark,
        goal=time_goal(limits_of(promises)),
        since=since,
        note="nobody waits" if known and since is None else None,
        trend=scene.remembered(OLDEST),
    )


def _allowed(scene: Scene) -> Iterator[tuple[Place, Promise]]:
    """The longer one of what is promised for first and later replies: which of them the oldest
    wait is, the gauge does not say."""
    found: dict[Place, Promise] = {}
    for target in _REPLIES:
        for place, promise in scene.promised(target):
            if place not in found or found[place].limit_ms < promise.limit_ms:
                found[place] = promise
    yield from found.items()


def next_to_breach(scene: Scene) -> Queue:
    """The soonest deadlines of the place's tenants, at risk when little time is left."""
    deadlines = scene.present.deadlines()
    rows = [
        Due(
            due_at=due_at,
            conversation=conversation,
            policy=policy,
            target=target,
            state=_due_state(scene, due_at, policy, target),
        )
        for due_at, conversation, policy, target in deadlines[:_LISTED]
    ]
    everywhere = " on all channels" if scene.place.channel is not None else ""
    return Queue(
        id="due",
        title=f"Next to breach{everywhere}",
        rows=rows,
        more=len(deadlines) - len(rows),
        empty="No promise is running."
        if scene.present.has(ask("next_due"))
        else "No promise was ever made.",
    )


def _due_state(scene: Scene, due_at: int, policy: str, target: str) -> State:
    left = due_at - scene.now
    if left < 0:
        return "breach"
    return "risk" if left <= scene.promises.warned_before(policy, target, scene.now) else "ok"
