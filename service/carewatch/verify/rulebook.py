"""A published rulebook, read from its JSON: tenants, policies, schedules, channel profiles."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from carewatch.verify.hours import Hours
from carewatch.verify.instants import BEGINNING, HOUR, MINUTE, instant, length

PRIVATE, SOCIAL, WEB, EMAIL, VOICE = (
    "private_messaging",
    "public_social",
    "web_chat",
    "email",
    "voice",
)


@dataclass(frozen=True, slots=True)
class Profile:
    """How a channel behaves (domain section 10)."""

    idle_gap: int | None
    needs_reply: bool
    window_lateness: int
    implicit_queue: bool
    reopen_within: int = 72 * HOUR
    short_abandon: int = 5000
    handle_time: str = "activity"


SHIPPED = {
    PRIVATE: Profile(24 * HOUR, True, 10 * MINUTE, True),
    SOCIAL: Profile(None, False, 60 * MINUTE, True, handle_time="open"),
    WEB: Profile(15 * MINUTE, True, 2 * MINUTE, True),
    EMAIL: Profile(None, True, 60 * MINUTE, True, handle_time="agent_work"),
    VOICE: Profile(None, True, 2 * MINUTE, False, handle_time="phases"),
}
OF_CHANNEL = {"web": WEB, "email": EMAIL, "voice": VOICE}
"""All other channels are private messaging."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of an SLA policy; `body` is the document as published."""

    name: str
    version: int
    effective_from: int
    order: int
    body: dict[str, Any]

    def option(self, section: str, name: str, default: Any) -> Any:
        """A term of the policy, or what holds if it does not say."""
        return self.body.get(section, {}).get(name, default)


@dataclass(frozen=True, slots=True)
class Rulebook:
    """One rulebook, in force from `effective_at` until the next."""

    number: int
    effective_at: int
    document: dict[str, Any]
    schedules: dict[str, Hours] = field(default_factory=dict)
    policies: tuple[Policy, ...] = ()

    def profile(self, channel: str, account: str) -> Profile:
        """The profile of an account, else of its channel; own keys override what it stands on."""
        said = self.document.get("channels", {})
        name = said.get("accounts", {}).get(f"{channel}/{account}")
        name = name or said.get("accounts", {}).get(account)
        name = name or said.get("channels", {}).get(channel)
        shipped = OF_CHANNEL.get(channel, PRIVATE)
        name = name or shipped
        base = SHIPPED.get(name, SHIPPED[shipped])
        own = said.get("profiles", {}).get(name, {})
        return Profile(
            _gap(own["idle_gap"]) if "idle_gap" in own else base.idle_gap,
            own.get("needs_reply", base.needs_reply),
            length(own["window_lateness"]) if "window_lateness" in own else base.window_lateness,
            own.get("implicit_queue", base.implicit_queue),
            length(own["reopen_within"]) if "reopen_within" in own else base.reopen_within,
            length(own["short_abandon"]) if "short_abandon" in own else base.short_abandon,
            own.get("handle_time") or base.handle_time,
        )

    def tenant(self, tenant: str) -> dict[str, Any]:
        """What `tenants:` says of one tenant; empty if nothing."""
        said: dict[str, Any] = self.document.get("tenants", {}).get(tenant, {})
        return said

    def hours_of(self, tenant: str, queue: str) -> Hours | None:
        """The queue's schedule, else the tenant's (C5); None without one."""
        said = self.tenant(tenant)
        name = said.get("queues", {}).get(queue, {}).get("schedule") or said.get("schedule")
        return None if name is None else self.schedules[name]

    def versions_in_force(self, at: int) -> list[Policy]:
        """Of each policy the newest version that is in force, by order (S10)."""
        newest: dict[str, Policy] = {}
        for one in self.policies:
            if one.effective_from <= at:
                known = newest.get(one.name)
                if known is None or known.effective_from <= one.effective_from:
                    newest[one.name] = one
        return sorted(newest.values(), key=lambda one: one.order)


def read_rulebook(number: int, effective_at: int, document: dict[str, Any]) -> Rulebook:
    """The rulebook of a `care.rulebook.published` record."""
    versions: dict[str, list[dict[str, Any]]] = {}
    for one in document.get("schedules", []):
        versions.setdefault(one["schedule"], []).append(one)
    hours = {name: Hours.of(many) for name, many in versions.items()}
    hours["24x7"] = Hours.always()
    return Rulebook(number, effective_at, document, hours, tuple(_policies(document)))


def _policies(document: dict[str, Any]) -> Iterable[Policy]:
    for one in document.get("policies", []):
        since = instant(one["effective_from"])
        yield Policy(one["policy"], one["version"], since, one["order"], one)


def _gap(text: str) -> int | None:
    return None if text == "off" else length(text)


class Rulebooks:
    """All rulebooks of a log, and which is in force when (R6b)."""

    def __init__(self, books: Sequence[Rulebook]) -> None:
        nothing = read_rulebook(0, BEGINNING, {})
        self.books = [nothing, *sorted(books, key=lambda one: (one.effective_at, one.number))]

    def most_lateness(self) -> int:
        """The longest `window_lateness` of any profile in any rulebook."""
        own = (
            length(profile["window_lateness"])
            for book in self.books
            for profile in book.document.get("channels", {}).get("profiles", {}).values()
            if profile.get("window_lateness")
        )
        return max(*(one.window_lateness for one in SHIPPED.values()), *own)

    def at(self, at: int) -> Rulebook:
        """The rulebook with the greatest `effective_at` not after `at`."""
        found = self.books[0]
        for one in self.books:
            if one.effective_at <= at:
                found = one
        return found
