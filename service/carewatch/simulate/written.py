"""What the three writers of provider payloads share: a written delivery, ids, times, JSON."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from carewatch.simulate.request import Door
from carewatch.simulate.story import Story

NUMBERS_PER_RUN: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One webhook body, which can be delivered from `at_ms` on.

    `single` says that it holds exactly one event, so that a repetition is one duplicate.
    """

    at_ms: int
    body: bytes
    delivery: str
    single: bool


class Writer(Protocol):
    """Writes a story as one provider would send it to `door`."""

    def __call__(self, story: Story, run: str, door: Door) -> list[Written]: ...


def run_of(seed: int, start_ms: int) -> str:
    """The mark of a run: two runs never share a conversation, also with the same seed."""
    return hashlib.sha256(f"{seed}/{start_ms}".encode()).hexdigest()[:6]


def number_of(story: Story, run: str) -> int:
    """An integer id of the conversation, below 2^44."""
    return int(run, 16) * NUMBERS_PER_RUN + story.number


def digest_of(*parts: object) -> bytes:
    """32 bytes that depend on nothing but `parts`: the raw material of invented ids."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).digest()


def rfc3339(at_ms: int) -> str:
    """`2026-01-05T10:00:00.000Z`."""
    seconds, ms = divmod(at_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"


def body_of(document: object) -> bytes:
    """Compact UTF-8 JSON."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
