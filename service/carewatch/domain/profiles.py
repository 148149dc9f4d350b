"""How channels behave: the shipped profiles, and those of the rulebook on top."""

from dataclasses import dataclass, replace
from typing import Final

from carewatch.domain.durations import parse_duration
from carewatch.domain.rulebook import Channels, HandleTime, Profile

HOUR_MS: Final = 3_600_000
MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRules:
    """A profile ready for the fold; durations in milliseconds, `idle_gap_ms` None means off."""

    idle_gap_ms: int | None
    needs_reply: bool
    window_lateness_ms: int
    implicit_queue: bool
    reopen_within_ms: int = 72 * HOUR_MS
    short_abandon_ms: int = 5000
    handle_time: HandleTime = "activity"


SHIPPED: Final[dict[str, ProfileRules]] = {
    "private_messaging": ProfileRules(
        idle_gap_ms=24 * HOUR_MS,
        needs_reply=True,
        window_lateness_ms=10 * MINUTE_MS,
        implicit_queue=True,
    ),
    # Praise under a post needs no answer until somebody says that it does.
    "public_social": ProfileRules(
        idle_gap_ms=None,
        needs_reply=False,
        window_lateness_ms=60 * MINUTE_MS,
        implicit_queue=True,
        handle_time="open",
    ),
    "web_chat": ProfileRules(
        idle_gap_ms=15 * MINUTE_MS,
        needs_reply=True,
        window_lateness_ms=2 * MINUTE_MS,
        implicit_queue=True,
    ),
    "email": ProfileRules(
        idle_gap_ms=None,
        needs_reply=True,
        window_lateness_ms=60 * MINUTE_MS,
        implicit_queue=True,
        handle_time="agent_work",
    ),
    "voice": ProfileRules(
        idle_gap_ms=None,
        needs_reply=True,
        window_lateness_ms=2 * MINUTE_MS,
        implicit_queue=False,
        handle_time="phases",
    ),
}
"""The profiles that need no configuration."""

SHIPPED_CHANNELS: Final = {"web": "web_chat", "email": "email", "voice": "voice"}
"""Channels with a profile of their own; every other channel is private messaging."""

MAX_LATENESS_MS: Final = 60 * MINUTE_MS


def profile_for(channels: Channels, channel: str, account: str) -> ProfileRules:
    """The rules of an account: its own profile before its channel's, both before the shipped."""
    name = (
        channels.accounts.get(account)
        or channels.channels.get(channel)
        or SHIPPED_CHANNELS.get(channel, "private_messaging")
    )
    shipped = SHIPPED.get(name, SHIPPED["private_messaging"])
    written = channels.profiles.get(name)
    return shipped if written is None else _with(shipped, written)


def _with(rules: ProfileRules, written: Profile) -> ProfileRules:
    if written.idle_gap is not None:
        off = written.idle_gap == "off"
        rules = replace(rules, idle_gap_ms=None if off else parse_duration(written.idle_gap))
    if written.needs_reply is not None:
        rules = replace(rules, needs_reply=written.needs_reply)
    if written.window_lateness is not None:
        rules = replace(rules, window_lateness_ms=parse_duration(written.window_lateness))
    if written.implicit_queue is not None:
        rules = replace(rules, implicit_queue=written.implicit_queue)
    if written.reopen_within is not None:
        rules = replace(rules, reopen_within_ms=parse_duration(written.reopen_within))
    if written.short_abandon is not None:
        rules = replace(rules, short_abandon_ms=parse_duration(written.short_abandon))
    if written.handle_time is not None:
        rules = replace(rules, handle_time=written.handle_time)
    return rules
