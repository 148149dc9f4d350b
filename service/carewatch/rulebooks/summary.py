"""A rulebook in a few lines for people: the policies in the order in which they are tried."""

from collections.abc import Iterator

from carewatch.domain.rulebook import Condition, Document, Policy, TargetRule
from carewatch.rulebooks.policies import PRIORITIES


def describe_rulebook(document: Document) -> Iterator[str]:
    """One line for each policy, lowest order first, and one for everything else."""
    for policy in sorted(document.policies, key=lambda one: (one.order, one.policy, one.version)):
        yield from _describe_policy(policy)
    if not document.policies:
        yield "no policies: nothing is promised"
    schedules = [f"{one.schedule} v{one.version}" for one in document.schedules]
    yield f"tenants: {', '.join(document.tenants) or 'none'}"
    yield f"schedules: {', '.join(['24x7', *schedules])}"
    channels = document.channels
    uses = [*channels.channels.items(), *channels.accounts.items()]
    if uses:
        yield "profiles: " + ", ".join(f"{key} uses {name}" for key, name in uses)


def _describe_policy(policy: Policy) -> Iterator[str]:
    yield (
        f"{policy.order:>4}  {policy.policy} v{policy.version} from {policy.effective_from}, "
        f"matches {_describe_match(policy)}"
    )
    for target, rule in policy.targets.items():
        yield f"      {target}: {_describe_target(rule)}"


def _describe_match(policy: Policy) -> str:
    parts = [_describe_condition(one) for one in policy.match.all]
    if policy.match.any:
        parts.append(" or ".join(_describe_condition(one) for one in policy.match.any))
    return " and ".join(parts) or "everything"


def _describe_condition(condition: Condition) -> str:
    if condition.eq is not None:
        return f"{condition.field} = {condition.eq}"
    if condition.in_ is not None:
        return f"{condition.field} in ({', '.join(condition.in_)})"
    return f"{condition.field} not in ({', '.join(condition.not_in or ())})"


def _describe_target(rule: TargetRule) -> str:
    limits = [
        f"{name} {getattr(rule, name)}"
        for name in ("all", *PRIORITIES)
        if getattr(rule, name) is not None
    ]
    return ", ".join(limits)
