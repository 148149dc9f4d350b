"""What a rulebook may say and this version does not compute yet: one table, refused by name.

A promise that nobody keeps an eye on is worse than a refusal. An entry goes away with the change
that computes what it names.
"""

from collections.abc import Callable, Iterator
from typing import Final

from carewatch.domain.rulebook import Policy
from carewatch.rulebooks.placed import Placed
from carewatch.rulebooks.schedules import ALWAYS
from carewatch.yamlfile import Keys

COMPUTED_TARGETS: Final = ("first_reply", "next_reply")
COMPUTED_FIELDS: Final = (
    "tenant", "channel", "account_ref", "queue", "team", "tag", "priority", "initiated_by",
)  # fmt: skip

Found = Iterator[tuple[Keys, str]]


def _targets(policy: Policy) -> Found:
    for target, rule in policy.targets.items():
        if target not in COMPUTED_TARGETS:
            yield ("targets", target), f"the target {target}"
        schedule = rule.schedule or policy.schedule
        if rule.schedule is not None and rule.schedule != ALWAYS:
            yield ("targets", target, "schedule"), "time by a schedule"
        elif rule.hours == "business" and schedule != ALWAYS:
            yield ("targets", target, "hours"), "time by business hours"


def _schedule(policy: Policy) -> Found:
    by_default = [rule for rule in policy.targets.values() if rule.hours is None]
    if policy.schedule != ALWAYS and by_default:
        yield ("schedule",), "time by a schedule"


def _fields(policy: Policy) -> Found:
    for side in ("all", "any"):
        for at, condition in enumerate(getattr(policy.match, side)):
            if condition.field not in COMPUTED_FIELDS:
                yield ("match", side, at, "field"), f"matching by {condition.field}"


def _options(policy: Policy) -> Found:
    if "bot" in policy.counts.reply_by:
        yield ("counts", "reply_by"), "a bot's reply as the answer"
    if policy.start.first_reply != "first_customer_message":
        yield ("start", "first_reply"), f"a start at {policy.start.first_reply}"
    if policy.close.unanswered != "cancel":
        yield ("close", "unanswered"), f"{policy.close.unanswered} at the end of a session"
    if policy.retarget.priority != "keep_elapsed":
        yield ("retarget", "priority"), f"{policy.retarget.priority} at a change of priority"
    if policy.retarget.version != "open_instances":
        yield ("retarget", "version"), f"{policy.retarget.version} at a new version"


NOT_COMPUTED: Final[tuple[Callable[[Policy], Found], ...]] = (
    _targets,
    _schedule,
    _fields,
    _options,
)
"""Each finds one kind of what is valid and not computed yet."""


def check_policy_computed(placed: Placed[Policy]) -> None:
    """Notes what a policy asks for and nothing computes yet."""
    for find in NOT_COMPUTED:
        for keys, what in find(placed.value):
            placed.wrong(keys, f"{what} is not computed yet; leave it out")
