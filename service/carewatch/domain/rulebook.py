"""The rulebook: policies, schedules, channel profiles and the tenants' keys as one document.

The document is what people write (durations as `10m`, times as RFC 3339), what is hashed, what is
published and what the worker keeps. `domain.policy` compiles it for the fold.
"""

from typing import Literal

import msgspec

Target = Literal[
    "first_reply",
    "next_reply",
    "periodic_update",
    "pausable_update",
    "assignee_reply",
    "requester_wait",
    "agent_work",
    "resolution",
    "queue_answer",
]
TARGETS: tuple[Target, ...] = (
    "first_reply",
    "next_reply",
    "periodic_update",
    "pausable_update",
    "assignee_reply",
    "requester_wait",
    "agent_work",
    "resolution",
    "queue_answer",
)
"""All targets, in the order in which records of one instant are written."""


HandleTime = Literal["activity", "agent_work", "open", "phases"]
"""How the time that people spend on a contact is measured (see `domain.handling`)."""


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Unknown keys are refused: a misspelt key must not be silently ignored."""


class QueueRules(_Strict, frozen=True, kw_only=True):
    schedule: str | None = None


class Tenant(_Strict, frozen=True, kw_only=True):
    """What `tenants:` in carewatch.yaml says of one tenant and belongs to the rulebook."""

    timezone: str = "UTC"
    day_starts_at: str = "00:00"
    schedule: str | None = None
    queues: dict[str, QueueRules] = {}
    within: dict[str, list[str]] = msgspec.field(
        default_factory=lambda: {"first_reply": ["10m", "1h"], "queue_answer": ["20s"]}
    )


class Condition(_Strict, frozen=True, kw_only=True):
    """One condition of `match`; exactly one operator."""

    field: str
    eq: str | None = None
    in_: list[str] | None = msgspec.field(default=None, name="in")
    not_in: list[str] | None = None


class Match(_Strict, frozen=True, kw_only=True):
    all: list[Condition] = []
    any: list[Condition] = []


class TargetRule(_Strict, frozen=True, kw_only=True):
    """One promise: a duration per priority (`all` for every priority), and its clock."""

    all: str | None = None
    urgent: str | None = None
    high: str | None = None
    normal: str | None = None
    low: str | None = None
    hours: Literal["calendar", "business"] | None = None
    schedule: str | None = None
    mode: Literal["total", "first"] | None = None


class Counts(_Strict, frozen=True, kw_only=True):
    reply_by: tuple[Literal["agent", "bot"], ...] = ("agent",)
    note_counts_for: list[Target] = []


class Start(_Strict, frozen=True, kw_only=True):
    first_reply: Literal["first_customer_message", "created", "handoff", "assignment"] = (
        "first_customer_message"
    )


class Pause(_Strict, frozen=True, kw_only=True):
    statuses: tuple[str, ...] = ("pending",)
    snoozed: bool = True
    resume_on: Literal["customer_message", "status"] = "customer_message"


class Close(_Strict, frozen=True, kw_only=True):
    unanswered: Literal["cancel", "fulfil", "keep"] = "cancel"


class Reopen(_Strict, frozen=True, kw_only=True):
    within: str = "72h"
    mode: Literal["continue", "new_cycle"] = "continue"


class Retarget(_Strict, frozen=True, kw_only=True):
    priority: Literal["keep_elapsed", "ignore"] = "keep_elapsed"
    version: Literal["open_instances", "new_instances"] = "open_instances"


class Threshold(_Strict, frozen=True, kw_only=True):
    """`at: 50%` of the target or `before: 15m` the deadline; exactly one."""

    at: str | None = None
    before: str | None = None


class Objective(_Strict, frozen=True, kw_only=True):
    attainment: int = 90
    window: str = "28d"


class Policy(_Strict, frozen=True, kw_only=True):
    """One SLA policy document, one version of it."""

    policy: str
    version: int
    effective_from: str
    order: int
    targets: dict[Target, TargetRule]
    match: Match = Match()
    schedule: str = "24x7"
    counts: Counts = Counts()
    start: Start = Start()
    pause: Pause = Pause()
    close: Close = Close()
    reopen: Reopen = Reopen()
    retarget: Retarget = Retarget()
    at_risk: list[Threshold] = []
    objective: Objective = Objective()


class Override(_Strict, frozen=True, kw_only=True):
    date: str
    open: list[str]


class Holiday(_Strict, frozen=True, kw_only=True):
    day: str
    open: list[str]


class Schedule(_Strict, frozen=True, kw_only=True):
    """Opening hours of one name, one version."""

    schedule: str
    version: int
    effective_from: str
    timezone: str
    weekly: dict[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], list[str]]
    overrides: list[Override] = []
    holidays: list[Holiday] = []


class Profile(_Strict, frozen=True, kw_only=True):
    """How a channel behaves; a missing key keeps the shipped value."""

    idle_gap: str | None = None
    needs_reply: bool | None = None
    window_lateness: str | None = None
    implicit_queue: bool | None = None
    reopen_within: str | None = None
    short_abandon: str | None = None
    handle_time: HandleTime | None = None


class Channels(_Strict, frozen=True, kw_only=True):
    """`channels.yaml`: own profiles, and which channel or account uses which profile."""

    profiles: dict[str, Profile] = {}
    channels: dict[str, str] = {}
    accounts: dict[str, str] = {}


class Document(_Strict, frozen=True, kw_only=True):
    """A whole rulebook. Lists are sorted by name and version, so that equal rules hash equally.

    `duplicates_within` is how long an event's id is remembered. Results depend on it, so it
    belongs to what the log holds: a worker and a replay could have two settings.
    """

    tenants: dict[str, Tenant] = {}
    duplicates_within: str = "168h"
    policies: list[Policy] = []
    schedules: list[Schedule] = []
    channels: Channels = Channels()
