"""Stories on one timeline, and what befalls webhooks: delays, repetitions, nonsense."""

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto
from random import Random
from typing import Final, assert_never

from carewatch.simulate.chatwoot import write_chatwoot
from carewatch.simulate.request import Adapter, Door, Fault, Request
from carewatch.simulate.stories import PLOTS
from carewatch.simulate.story import Promise, Setting, Story
from carewatch.simulate.tally import Tally
from carewatch.simulate.web import write_web
from carewatch.simulate.whatsapp import write_whatsapp
from carewatch.simulate.written import Writer, Written, run_of

WRITERS: Final[dict[Adapter, Writer]] = {
    "generic": write_web,
    "chatwoot": write_chatwoot,
    "whatsapp": write_whatsapp,
}

STRAGGLERS: Final = 0.04
"""Share of deliveries that come seconds late, behind what happened after them."""

REPEATS: Final = 0.05
"""Share of deliveries that a provider repeats although they were answered."""

NONSENSE: Final = 0.08
"""Share of conversations in whose company something comes that must not count."""

FOREIGN_ACCOUNT: Final = "990000000000099"


class Nonsense(Enum):
    """Deliveries that must change no number."""

    UNSIGNED = auto()
    FORGED = auto()
    STALE = auto()
    UNKNOWN_ACCOUNT = auto()
    MALFORMED = auto()
    FOREIGN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to simulate. `rate` is in requests per second; `stop_ms` None means without end.

    A conversation that would last beyond `stop_ms` is not begun.
    """

    seed: int
    start_ms: int
    stop_ms: int | None
    rate: int
    promise: Promise
    doors: tuple[Door, ...]


class Traffic:
    """All requests of a plan in order of time; iterate once, then read what they must count to."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.tally = Tally()
        self.answers: Counter[int] = Counter()
        self.dead_letters = 0
        self.conversations = 0
        self.settled_ms = plan.start_ms
        self._run = run_of(plan.seed, plan.start_ms)
        self._settings = _settings(plan.doors)

    def __iter__(self) -> Iterator[Request]:
        """Merges the conversations: at each moment only the ones that are running are in memory."""
        queue: list[tuple[int, int, int, Request]] = []
        begun = 0
        number = 0
        while True:
            start_ms = self.plan.start_ms + begun * 1000 // self.plan.rate
            while queue and queue[0][0] < start_ms:
                yield heapq.heappop(queue)[3]
            if self.plan.stop_ms is not None and start_ms >= self.plan.stop_ms:
                break
            story, requests = self._tell(number, start_ms)
            begun += len(requests)
            last_ms = max(request.at_ms for request in requests)
            if self.plan.stop_ms is None or last_ms <= self.plan.stop_ms:
                self._account(story, requests, last_ms)
                for place, request in enumerate(requests):
                    heapq.heappush(queue, (request.at_ms, number, place, request))
            number += 1
        while queue:
            yield heapq.heappop(queue)[3]

    def _tell(self, number: int, start_ms: int) -> tuple[Story, list[Request]]:
        # Each conversation has dice of its own: a new kind of story changes only itself.
        dice = Random(f"{self.plan.seed}/{number}")  # noqa: S311 - repeatable, not secret
        settings, weights = zip(*self._settings, strict=True)
        (setting,) = dice.choices(settings, weights)
        plots = [plot for plot in PLOTS if setting.door.adapter in plot.adapters]
        (plot,) = dice.choices(plots, [plot.weight for plot in plots])
        story = Story(
            setting, number=number, start_ms=start_ms, dice=dice, promise=self.plan.promise
        )
        plot.tell(story)
        written = WRITERS[setting.door.adapter](story, self._run, setting.door)
        requests = _delivered(story, written, dice)
        if dice.random() < NONSENSE:
            requests.append(_nonsense(story, written, self._run, dice))
        return story, requests

    def _account(self, story: Story, requests: list[Request], last_ms: int) -> None:
        self.conversations += 1
        self.tally.add_all(story.tally)
        self.answers.update(request.expect_status for request in requests)
        self.dead_letters += sum(request.dead_letter for request in requests)
        # A deadline counts once the clock is past it: a second later at the latest.
        self.settled_ms = max(self.settled_ms, last_ms, story.last_deadline_ms + 1000)


def _settings(doors: tuple[Door, ...]) -> list[tuple[Setting, int]]:
    """Where stories can play, with how often."""
    settings: list[tuple[Setting, int]] = []
    for door in doors:
        match door.adapter:
            case "generic":
                settings.append((Setting(door=door, channel="web", resolution_ms=1), 4))
            case "chatwoot":
                settings.append((Setting(door=door, channel="web", resolution_ms=1000), 2))
                settings.append((Setting(door=door, channel="email", resolution_ms=1000), 2))
            case "whatsapp":
                settings.append((Setting(door=door, channel="whatsapp", resolution_ms=1000), 4))
            case _:
                assert_never(door.adapter)
    return settings


def _delivered(story: Story, written: list[Written], dice: Random) -> list[Request]:
    """Each delivery a moment after it happened; some late, some twice."""
    requests = []
    for each in written:
        late = dice.random() < STRAGGLERS
        at_ms = each.at_ms + (dice.randint(3000, 15_000) if late else dice.randint(20, 250))
        request = Request(
            at_ms=at_ms, door=story.setting.door, body=each.body, delivery=each.delivery
        )
        requests.append(request)
        if each.single and dice.random() < REPEATS:
            requests.append(replace(request, at_ms=at_ms + dice.randint(500, 4000)))
            story.repeated()
    return requests


def _nonsense(story: Story, written: list[Written], run: str, dice: Random) -> Request:
    """A delivery that is refused at the door, or taken and laid aside as a dead letter."""
    door = story.setting.door
    original = written[0]
    request = Request(
        at_ms=original.at_ms + dice.randint(20, 2000),
        door=door,
        body=original.body,
        delivery=original.delivery + "-x",
    )
    kinds = [Nonsense.UNSIGNED, Nonsense.FORGED, Nonsense.UNKNOWN_ACCOUNT, Nonsense.MALFORMED]
    if door.adapter != "whatsapp":
        kinds.append(Nonsense.STALE)
    if door.adapter != "generic":
        kinds.append(Nonsense.FOREIGN)
    kind = dice.choice(kinds)
    match kind:
        case Nonsense.UNSIGNED:
            return replace(request, fault=Fault.UNSIGNED, expect_status=401)
        case Nonsense.FORGED:
            return replace(request, fault=Fault.FORGED, expect_status=401)
        case Nonsense.STALE:
            return replace(request, fault=Fault.STALE, expect_status=401)
        case Nonsense.UNKNOWN_ACCOUNT:
            return replace(request, door=replace(door, account="nobody"), expect_status=404)
        case Nonsense.MALFORMED:
            return replace(request, body=request.body[: len(request.body) // 2], dead_letter=True)
        case Nonsense.FOREIGN:
            foreign = replace(door, provider_account=FOREIGN_ACCOUNT)
            body = WRITERS[door.adapter](story, run, foreign)[0].body
            return replace(request, body=body, dead_letter=True)
        case _:
            assert_never(kind)
