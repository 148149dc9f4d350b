"""What of the labels of a count matters: where it is counted, and for whom.

A count shows in metric points alone. If it carried more than they do, a late event that changes
nothing but the number of a session, say, would take it back and count it anew: the net would be
right, but the gross value would have grown.
"""

from typing import Final

from msgspec.structs import replace

from carewatch.domain.facts import NONE, Labels, Tally
from carewatch.domain.metrics import COMPUTED

_OF_AGENTS: Final = frozenset(metric.id for metric in COMPUTED if "agent" in metric.sisters)


def counted(tally: Tally) -> Tally:
    """The count under the labels of its points alone."""
    labels = tally.labels
    agent = labels.agent if _is_personal(tally) else None
    return replace(
        tally,
        labels=Labels(
            labels.channel, labels.account, labels.queue, NONE, labels.priority, agent, None, 0
        ),
    )


def _is_personal(tally: Tally) -> bool:
    """Whether it counts for a person, too; so do public messages of persons (`reply_volume`)."""
    if tally.metric == "messages":
        return tally.extra == ("outbound", "agent")
    return tally.metric in _OF_AGENTS
