"""What of a count anybody can see: two that differ elsewhere are one and the same."""

from msgspec.structs import replace

from carewatch.domain.facts import NONE, Result, Tally
from carewatch.domain.metrics import BY_ID


def shown(result: Result) -> Result:
    """The result, a count without what none of its points says.

    Records are told apart by all they say. A count has no record: if only its session, customer
    or team turns out to be another, its points stand, so it is neither taken back nor counted
    anew. Gross values would grow by it for ever.
    """
    if not isinstance(result, Tally):
        return result
    by_agent = "agent" in BY_ID[result.metric].sisters or result.extra == ("outbound", "agent")
    labels = replace(
        result.labels,
        team=NONE,
        agent=result.labels.agent if by_agent else None,
        customer=None,
        session=0,
    )
    return replace(result, labels=labels)
