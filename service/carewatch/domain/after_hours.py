"""What customers write outside of the opening hours, and what bots answer of it (C5, R21).

The hours are those of the queue, else of the tenant; without any nothing is counted.
"""

from typing import Final

from msgspec.structs import replace

from carewatch.domain.conversation import Step
from carewatch.domain.facts import Tally

KEPT: Final = 16
"""So many messages can wait for a bot; those beyond count as not answered by it."""


def asked(step: Step) -> None:
    """A customer wrote."""
    calendar = step.book.business(step.tenant, step.state.queue)
    if calendar is None:
        return
    outside = not calendar.is_open(step.at)
    labels = step.labels()
    step.say(Tally(labels, "out_of_hours_share", step.at, amount=int(outside), of=1))
    if not outside:
        return
    wrote = Tally(labels, "out_of_hours_bot_rate", step.at, amount=0, of=1)
    step.say(wrote)
    if step.state.session is not None and len(step.state.after_hours) < KEPT:
        step.state.after_hours = (*step.state.after_hours, wrote)


def bot_answered(step: Step) -> None:
    """A bot was the first to answer: each message counts where it was itself counted."""
    for wrote in step.state.after_hours:
        step.say(replace(wrote, amount=1, of=0))
    step.state.after_hours = ()


def nobody_left(step: Step) -> None:
    """A person answered first, or the session is over."""
    step.state.after_hours = ()
