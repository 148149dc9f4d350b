"""Who may do what on Kafka: the least that each role needs, derived from the topic catalogue.

A role is a user of Kafka, not a process: the operator's commands and the oracle have their own, so
that no process of the pipeline can read dead letters or give orders. Write and read include
describe.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from carewatch.wire.topics import TOPICS

Role = Literal[
    "gateway", "worker", "rulebook", "board", "operator", "oracle", "annotator", "consumer", "admin"
]
Operation = Literal[
    "Read", "Write", "Describe", "DescribeConfigs", "Create", "Alter", "AlterConfigs"
]
Resource = Literal["topic", "group", "transactional_id", "cluster"]

ROLES: Final[dict[Role, str]] = {
    "gateway": "carewatch gateway",
    "worker": "carewatch worker",
    "rulebook": "carewatch rulebook publish",
    "board": "carewatch board",
    "operator": "carewatch dead, carewatch state",
    "oracle": "carewatch verify",
    "annotator": "programs that read care.text",
    "consumer": "programs that read facts, SLA transitions, metric points and late events",
    "admin": "carewatch topics; not used at run time",
}
"""Every role, and what runs as it."""

_ROLE_OF: Final[dict[str, Role]] = {
    "gateway": "gateway",
    "ticker": "worker",
    "track": "worker",
    "customer": "worker",
    "merge": "worker",
    "worker": "worker",
    "rulebook": "rulebook",
    "board": "board",
    "commands": "operator",
    "people": "operator",
    "annotators": "annotator",
    "anyone": "consumer",
}
"""The role behind a writer or reader of the catalogue."""

GROUPS: Final = "carewatch"
"""Consumer groups of the worker and its transactional ids begin so."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One operation that a role may do; `prefix` covers every name that begins so."""

    role: Role
    resource: Resource
    name: str
    operation: Operation
    prefix: bool = False


def rights() -> tuple[Right, ...]:
    """Every right of every role, sorted; what is not here is refused."""
    return tuple(sorted({*_of_topics(), *_further()}))


def _of_topics() -> Iterator[Right]:
    for topic in TOPICS:
        for writer in topic.writers:
            yield Right(_ROLE_OF[writer], "topic", topic.name, "Write")
        for reader in topic.readers:
            yield Right(_ROLE_OF[reader], "topic", topic.name, "Read")
        yield Right("oracle", "topic", topic.name, "Read")
        yield Right("worker", "topic", topic.name, "Describe")
        yield Right("worker", "topic", topic.name, "DescribeConfigs")
        for operation in _ADMIN:
            yield Right("admin", "topic", topic.name, operation)


_ADMIN: Final[tuple[Operation, ...]] = (
    "Create", "Describe", "DescribeConfigs", "Alter", "AlterConfigs",
)  # fmt: skip


def _further() -> Iterator[Right]:
    yield Right("worker", "group", GROUPS, "Read", prefix=True)
    for role in ("worker", "rulebook"):
        for operation in ("Write", "Describe"):
            yield Right(role, "transactional_id", GROUPS, operation, prefix=True)
    # Looking into the state of a conversation, and at the groups' progress.
    for topic in TOPICS:
        if topic.name.startswith("care.state."):
            yield Right("operator", "topic", topic.name, "Read")
