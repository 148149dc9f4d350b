"""A week of care on a few channels, made up from a seed: every event in order of its arrival.

Each channel is told to behave in a way of its own (`Manner`), so that what a week of it must count
to can be said in advance.
"""

from dataclasses import dataclass
from enum import Enum, auto
from itertools import count
from random import Random
from typing import Any, Final

from carewatch.domain.times import format_time
from support.envelopes import START, Event, event, message

SECOND: Final = 1000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY

QUEUES: Final = ("sales", "support")
AGENTS: Final = ("a1", "a2", "a3")


class Manner(Enum):
    """How a channel behaves."""

    PROMPT = auto()
    """Whatever is late is late by less than a minute: no window has closed."""
    LATE_NOTICES = auto()
    """The same; and of what a program wrote while nobody answered one hears much later. Each such
    notice is one fact, and changes no other."""
    LATE_REPLIES = auto()
    """The same, and some replies are heard of much later: what was said is taken back."""


@dataclass(frozen=True)
class _Telling:
    """A conversation that is being told: `events` are with the instant of their arrival."""

    dice: Random
    key: str
    channel: str
    manner: Manner
    ids: "count[int]"
    events: list[tuple[int, Event]]

    def says(self, at: int, *, late: int = 0, **more: Any) -> None:
        """A message. Without `late` it arrives a moment later, sometimes after the next one."""
        self._arrives(at, late, message(at, **self._next(), **more))

    def does(self, kind: str, at: int, *, actor: str = "system", **more: Any) -> None:
        """Anything else that happens."""
        self._arrives(at, 0, event(kind, at, actor=actor, **self._next(), **more))

    def _next(self) -> dict[str, Any]:
        id_ = f"{self.key}-{next(self.ids)}"
        return {"key": self.key, "channel": self.channel, "id_": id_}

    def _arrives(self, at: int, late: int, told: Event) -> None:
        arrives = at + (late or self.dice.choice((200, 200, 300, 900, 14_000, 45_000)))
        self.events.append((arrives, told | {"recordedtime": format_time(START + arrives)}))


def week(seed: int, conversations: int, channels: dict[str, Manner]) -> list[Event]:
    """The events of so many conversations on every channel."""
    events: list[tuple[int, Event]] = []
    for channel, manner in channels.items():
        for number in range(conversations):
            dice = Random(f"{seed}/{channel}/{number}")
            telling = _Telling(dice, f"{channel}-{number}", channel, manner, count(), events)
            _tell(telling, dice.randrange(7) * DAY + dice.randrange(9 * HOUR))
    return [one for _, one in sorted(events, key=lambda told: (told[0], told[1]["id"]))]


def _tell(telling: _Telling, at: int) -> None:
    """One conversation: asked, perhaps of a bot and in a queue, answered or not, thanked, over."""
    dice = telling.dice
    agent: dict[str, Any] = {"actor": "agent", "actor_key": dice.choice(AGENTS)}
    telling.says(at, priority=dice.choice(("urgent", "normal")))
    if telling.manner is Manner.LATE_NOTICES and dice.random() < 0.5:
        _notify_late(telling, at)
        return
    if dice.random() < 0.3:
        telling.says(at + 3 * SECOND, actor="bot", actor_key="b1")
        telling.does("conversation.handoff", at + 20 * SECOND, handoff={"to": "human"})
    queue = dice.choice(QUEUES)
    telling.does("queue.entered", at + 30 * SECOND, queue={"name": queue})
    waited = dice.choice((40 * SECOND, 3 * MINUTE, 8 * MINUTE))
    if dice.random() < 0.15:
        left = {"name": queue, "outcome": "abandoned"}
        telling.does("queue.left", at + waited, queue=left)
        return
    side = {"to": {"agent": agent["actor_key"], "queue": queue}}
    telling.does("conversation.assigned", at + waited, assignment=side)
    for _ in range(dice.randrange(1, 4)):
        answered = at + waited + dice.randrange(10, 9 * 60) * SECOND
        late = telling.manner is Manner.LATE_REPLIES and dice.random() < 0.4
        telling.says(answered, late=_lateness(dice, 60) if late else 0, **agent)
        at, waited = answered + dice.randrange(20, 300) * SECOND, 0
        telling.says(at)
    last = at + dice.randrange(10, 200) * SECOND
    telling.says(last, **agent)
    if dice.random() < 0.7:
        over = {"to": "resolved"}
        telling.does("conversation.status_changed", last + MINUTE, lifecycle=over, **agent)


def _notify_late(telling: _Telling, at: int) -> None:
    for number in range(telling.dice.randrange(1, 4)):
        late, notice = _lateness(telling.dice, 10), {"automated": True}
        telling.says(at + number * 9 * SECOND, late=late, actor="system", message=notice)


def _lateness(dice: Random, allowed: int) -> int:
    """About as much as is allowed (in minutes), somewhat less or more; or hours."""
    about = (allowed * 60 + dice.randrange(-60, 200)) * SECOND
    return dice.choice((about, about, dice.randrange(2, 9) * HOUR))
