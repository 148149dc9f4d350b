"""The promises of a rulebook, as the board shows them beside what became of them."""

from collections.abc import Iterator

from carewatch.domain.board import Snapshot
from carewatch.domain.durations import parse_duration
from carewatch.domain.known import cut
from carewatch.domain.policy import PRIORITIES
from carewatch.domain.rulebook import Document, Policy
from carewatch.domain.times import parse_time
from carewatch.exporter.shown import Labels, Numbers, seconds


def policies_in_force(document: Document | None, at: int | None) -> list[Policy]:
    """The newest version of every policy that has begun at `at`, by name.

    Before anything was heard every policy counts as begun.
    """
    newest: dict[str, tuple[tuple[int, int], Policy]] = {}
    for policy in () if document is None else document.policies:
        since = parse_time(policy.effective_from)
        age = since, policy.version
        if (at is None or since <= at) and (
            policy.policy not in newest or newest[policy.policy][0] < age
        ):
            newest[policy.policy] = age, policy
    return [policy for _, (_, policy) in sorted(newest.items())]


def targets_of(policy: Policy) -> Iterator[tuple[str, str, str]]:
    """Target, priority and duration (`10m`) of every promise, in order of their names."""
    for target, rule in sorted(policy.targets.items()):
        for priority in sorted(PRIORITIES):
            limit: str | None = getattr(rule, priority)
            if limit is None:
                limit = rule.all
            if limit is not None:
                yield target, priority, limit


def shown_promises(snapshot: Snapshot) -> Iterator[Numbers]:
    """What is promised: so that walls can draw it, and alerts know how much may go wrong."""
    in_force = policies_in_force(snapshot.rulebook, snapshot.data_at)
    number: dict[Labels, int] = {(str(snapshot.number),): 1} if snapshot.number else {}
    help_ = "The number of the rulebook that was published last."
    yield Numbers("care_config_info", "info", help_, ("rulebook",), number)
    yield Numbers(
        "care_sla_objective_ratio",
        "gauge",
        "Share of the SLA clocks of a policy that must be met.",
        ("policy",),
        {(cut(policy.policy),): policy.objective.attainment / 100 for policy in in_force},
    )
    yield Numbers(
        "care_sla_target_seconds",
        "gauge",
        "What a policy promises, on the clock of the target.",
        ("policy", "target", "priority"),
        {
            (cut(policy.policy), target, priority): seconds(parse_duration(limit))
            for policy in in_force
            for target, priority, limit in targets_of(policy)
        },
    )
