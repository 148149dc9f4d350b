"""What is done about the messages of customers: a person replies, completes or tags.

Every message of a customer counts, also one that needs no reply. It waits for the first action
until the session ends; what came outside of a session, until the next one opens. So a "thanks"
after the resolution does not wait for weeks.
"""

from typing import Final

from carewatch.domain import asked
from carewatch.domain.conversation import Step
from carewatch.domain.facts import Labels, Tally

_RATE: Final = "action_rate"


def wrote(step: Step, key: str) -> None:
    """A customer wrote; those beyond `asked.KEPT` are not counted at all."""
    labels = step.labels()
    waiting = asked.with_message(step.state.unacted, labels, key, step.at)
    if waiting is not None:
        step.state.unacted = waiting
        step.say(_heard(labels, step.at))


def act(step: Step, agent: str | None = None) -> None:
    """Everything that waits was acted on now, by `agent`, else by the assignee (R11).

    The rate has it at this instant under the labels of the message, where it is a part of what was
    heard; the time to it under those of now.
    """
    waiting, step.state.unacted = step.state.unacted, ()
    for one in asked.each(waiting):
        step.say(Tally(one.labels, _RATE, step.at))
        step.measure("time_to_action", one.at, agent=agent)


def delete(step: Step, key: str) -> None:
    """A message on which nobody has acted was deleted: it counts no more (R19)."""
    one = asked.find(step.state.unacted, key)
    if one is not None:
        step.state.unacted = asked.without(step.state.unacted, key)
        step.uncount(_heard(one.labels, one.at))


def give_up(step: Step) -> None:
    """Nobody will act on what still waits; it stays counted as what nobody acted on."""
    step.state.unacted = ()


def _heard(labels: Labels, at: int) -> Tally:
    return Tally(labels, _RATE, at, amount=0, of=1)
