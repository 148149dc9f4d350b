"""What a rulebook may say and this version does not compute yet: one table, refused by name.

A promise that nobody keeps an eye on is worse than a refusal. An entry goes away with the change
that computes what it names.
"""

from collections.abc import Callable, Iterator
from typing import Final

from carewatch.domain.rulebook import Policy
from carewatch.rulebooks.placed import Placed
from carewatch.yamlfile import Keys

COMPUTED_FIELDS: Final = (
    "tenant", "channel", "account_ref", "queue", "team", "tag", "topic", "language", "priority",
    "initiated_by",
)  # fmt: skip

Found = Iterator[tuple[Keys, str]]


def _fields(policy: Policy) -> Found:
    for side in ("all", "any"):
        for at, condition in enumerate(getattr(policy.match, side)):
            if condition.field not in COMPUTED_FIELDS:
                yield ("match", side, at, "field"), f"matching by {condition.field}"


NOT_COMPUTED: Final[tuple[Callable[[Policy], Found], ...]] = (_fields,)
"""Each finds one kind of what is valid and not computed yet."""


def check_policy_computed(placed: Placed[Policy]) -> None:
    """Notes what a policy asks for and nothing computes yet."""
    for find in NOT_COMPUTED:
        for keys, what in find(placed.value):
            placed.wrong(keys, f"{what} is not computed yet; leave it out")
