"""The conversations of the simulated customers, each with what a correct pipeline counts of it.

Every story is short enough to be checked by eye against the rules of the metrics.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from carewatch.simulate.request import Adapter
from carewatch.simulate.story import Story

AGENTS: Final = 6
TEAMS: Final = ("support", "billing", "returns")


def answered_in_time(story: Story) -> None:
    """A burst of messages and one reply: the wait is that of the first message."""
    asked = _burst(story)
    story.in_time()
    answered = story.agent()

    story.session("opened")
    story.first_response(asked, answered)
    story.waited(asked, answered)


def answered_late(story: Story) -> None:
    """The reply comes after the deadline: a breach, and a sample all the same."""
    asked = _burst(story)
    story.too_long()
    answered = story.agent()

    story.session("opened")
    story.first_response(asked, answered)
    story.waited(asked, answered)


def unanswered(story: Story) -> None:
    """Nobody ever answers: a breach and no sample. Its queue stay never ends either."""
    asked = _burst(story)

    story.session("opened")
    story.never_answered("first_reply", asked)


def asked_again(story: Story) -> None:
    """A second question in the same session is a next reply, without a queue stay."""
    asked = story.customer()
    story.in_time()
    answered = story.agent()
    story.later()
    asked_next = story.customer()
    if story.dice.random() < 0.3:
        story.too_long()
    else:
        story.in_time()
    answered_next = story.agent()

    story.session("opened")
    story.first_response(asked, answered)
    story.waited(asked, answered)
    story.next_reply(asked_next, answered_next)


def forgotten(story: Story) -> None:
    """The first question is answered, the second never is."""
    asked = story.customer()
    story.in_time()
    answered = story.agent()
    story.later()
    asked_next = story.customer()

    story.session("opened")
    story.first_response(asked, answered)
    story.waited(asked, answered)
    story.never_answered("next_reply", asked_next)


def business_wrote_first(story: Story) -> None:
    """The business opens the conversation: no first response, the customer's turn is a next one."""
    story.agent()
    story.in_time()
    asked = story.customer()
    story.in_time()
    answered = story.agent()

    story.session("opened")
    story.next_reply(asked, answered)


def bot_then_person(story: Story) -> None:
    """The bot answers first and hands off: people's queue wait starts at the hand-off."""
    asked = story.customer()
    story.breathe()
    bot_at = story.bot()
    story.breathe()
    handed_off = story.handed_off()
    story.in_time()
    answered = story.agent()

    story.session("opened")
    story.first_response(asked, answered, bot_at=bot_at)
    story.waited(handed_off, answered)


def contained_by_bot(story: Story) -> None:
    """The bot answers and closes: no person was needed, no queue stay is counted."""
    asked = story.customer()
    story.breathe()
    bot_at = story.bot()
    story.breathe()
    ended = story.resolved(by="bot")

    story.session("opened")
    story.only_the_bot_responded(asked, bot_at)
    story.given_up(asked, ended)


def assigned_and_resolved(story: Story) -> None:
    """An assignment ends the queue stay; a private note answers nobody; then it is resolved."""
    asked = story.customer()
    story.breathe()
    taken = story.assigned(agent=_anybody(story), team=story.dice.choice(TEAMS))
    story.breathe()
    story.note()
    story.breathe()
    answered = story.agent()
    story.breathe()
    story.resolved()

    story.session("opened")
    story.first_response(asked, answered)
    story.waited(asked, taken)


def reopened(story: Story) -> None:
    """The customer comes back after the resolution: same case, so it is a next reply."""
    asked = story.customer()
    story.in_time()
    answered = story.agent()
    story.breathe()
    story.resolved()
    story.later()
    asked_next = story.customer()
    story.in_time()
    answered_next = story.agent()
    story.breathe()
    story.resolved()

    story.session("opened")
    story.first_response(asked, answered)
    story.waited(asked, answered)
    story.session("reopened")
    story.next_reply(asked_next, answered_next)
    story.waited(asked_next, answered_next)


def transferred(story: Story) -> None:
    """The first team only names the queue stay; the second one ends it and begins another."""
    asked = story.customer()
    first, second = story.dice.sample(TEAMS, 2)
    story.breathe()
    story.assigned(team=first)
    story.breathe()
    moved = story.assigned(team=second)
    story.in_time()
    answered = story.agent()

    story.session("opened")
    story.first_response(asked, answered)
    story.waited(asked, moved, "transferred")
    story.waited(moved, answered)


def acknowledged(story: Story) -> None:
    """An automatic confirmation stops no clock."""
    asked = story.customer()
    story.breathe()
    story.acknowledgement()
    story.in_time()
    answered = story.agent()

    story.session("opened")
    story.first_response(asked, answered)
    story.waited(asked, answered)


def closed_unanswered(story: Story) -> None:
    """A person closes the matter without a word: the stay flows out, the promise is cancelled."""
    asked = story.customer()
    story.breathe()
    ended = story.resolved()

    story.session("opened")
    story.waited(asked, ended, "flow_out")
    story.given_up(asked, ended)


def queued(story: Story) -> None:
    """A queue that says so itself: only its own stay counts."""
    asked = story.customer()
    queue = story.dice.choice(TEAMS)
    story.breathe()
    entered = story.enters(queue)
    story.in_time()
    answered = story.agent()

    story.session("opened")
    story.first_response(asked, answered)
    story.waited(entered, answered)


def abandoned(story: Story) -> None:
    """The customer leaves the queue, then the chat, before anybody came."""
    asked = story.customer()
    queue = story.dice.choice(TEAMS)
    story.breathe()
    entered = story.enters(queue)
    story.in_time()
    left = story.leaves(queue, "abandoned")
    story.breathe()
    ended = story.resolved(by="customer")

    story.session("opened")
    story.waited(entered, left, "abandoned")
    story.given_up(asked, ended)


def thanked(story: Story) -> None:
    """A "thank you" needs no reply: it is volume and nothing else."""
    asked = story.customer()
    story.in_time()
    answered = story.agent()
    story.breathe()
    story.customer(needs_reply=False)

    story.session("opened")
    story.first_response(asked, answered)
    story.waited(asked, answered)


@dataclass(frozen=True, slots=True)
class Plot:
    """A kind of story: how often it is told, and by which providers it can be."""

    tell: Callable[[Story], None]
    weight: int
    adapters: tuple[Adapter, ...]


_ALL: Final[tuple[Adapter, ...]] = ("generic", "chatwoot", "whatsapp")
_DESKS: Final[tuple[Adapter, ...]] = ("generic", "chatwoot")
_OWN: Final[tuple[Adapter, ...]] = ("generic",)

PLOTS: Final = (
    Plot(answered_in_time, 30, _ALL),
    Plot(answered_late, 10, _ALL),
    Plot(unanswered, 8, _ALL),
    Plot(asked_again, 14, _ALL),
    Plot(forgotten, 4, _ALL),
    Plot(business_wrote_first, 4, _ALL),
    Plot(bot_then_person, 12, _DESKS),
    Plot(contained_by_bot, 5, _DESKS),
    Plot(assigned_and_resolved, 14, _DESKS),
    Plot(reopened, 6, _DESKS),
    Plot(transferred, 5, _DESKS),
    Plot(acknowledged, 5, _DESKS),
    Plot(closed_unanswered, 3, _DESKS),
    Plot(queued, 5, _OWN),
    Plot(abandoned, 4, _OWN),
    Plot(thanked, 5, _OWN),
)
"""Every story. A pure messaging channel shows no bots, teams, notes or resolutions."""


def _burst(story: Story) -> int:
    """One to three messages in a row; returns the instant of the first."""
    asked = story.customer()
    for _ in range(story.dice.choice((0, 0, 1, 2))):
        story.customer(together=True)
    return asked


def _anybody(story: Story) -> int:
    return story.dice.randrange(1, AGENTS + 1)
