"""Payloads as if they were sent now: every time in them moved by the same whole seconds.

Fixtures are stamped around `sender.NOW`; a worker would take them for events that come months too
late. Ids, texts and numbers stay as they are.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final
from urllib.parse import parse_qsl, urlencode

_ISO: Final = re.compile(r"2026-01-05(?=[T ])(.)(\d\d:\d\d:\d\d)")
_EPOCH: Final = re.compile(r"(?<![\w.])(17676\d{5})(?=\d{3}(?!\d)|(?!\d))")
_RFC_2822: Final = re.compile(r"Mon, 0?5 Jan 2026 \d\d:\d\d:\d\d (?:\+0000|GMT|UTC)")


def moved_body(body: bytes, by_s: int, *, form: bool = False) -> bytes:
    """The body with its times `by_s` seconds later."""
    if form:
        pairs = parse_qsl(body.decode(), keep_blank_values=True)
        return urlencode([(name, moved_text(value, by_s)) for name, value in pairs]).encode()
    return moved_text(body.decode(), by_s).encode()


def moved_text(text: str, by_s: int) -> str:
    """Every ISO, epoch (s, ms) and RFC 2822 time of a text, `by_s` seconds later."""
    later = timedelta(seconds=by_s)

    def iso(found: re.Match[str]) -> str:
        return (datetime.fromisoformat(found[0]) + later).isoformat(found[1])

    def rfc(found: re.Match[str]) -> str:
        return format_datetime(parsedate_to_datetime(found[0]) + later)

    changes: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
        (_ISO, iso),
        (_EPOCH, lambda found: str(int(found[1]) + by_s)),
        (_RFC_2822, rfc),
    )
    for pattern, change in changes:
        text = pattern.sub(change, text)
    return text
