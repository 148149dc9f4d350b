"""A value together with the file it was read from, so that a check can name the line."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

from carewatch.domain.calendar import zone_names
from carewatch.domain.errors import InvalidRecord
from carewatch.domain.times import parse_time
from carewatch.shape import nearest
from carewatch.yamlfile import Keys, Mistake, YamlFile

T = TypeVar("T")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Placed(Generic[T]):
    """`value` as it stands at `keys` of `file`."""

    value: T
    file: YamlFile
    keys: Keys
    mistakes: list[Mistake]

    def wrong(self, keys: Keys, says: str) -> None:
        """Notes a mistake at `keys` below this value."""
        self.mistakes.append(self.file.mistake((*self.keys, *keys), says))

    def parsed(self, keys: Keys, text: str, parse: Callable[[str], V]) -> V | None:
        """What `parse` makes of a text; None after noting the reason it gave."""
        try:
            return parse(text)
        except ValueError as error:
            self.wrong(keys, str(error))
            return None


def parse_instant(text: str) -> int:
    """Milliseconds of an RFC 3339 time; raises ValueError with the remedy."""
    try:
        return parse_time(text)
    except InvalidRecord as error:
        raise ValueError(
            f'{text!r} is no time; write RFC 3339 with a zone, as in "2026-11-01T00:00:00Z"'
        ) from error


def parse_date(text: str) -> date:
    """`2026-12-24`; raises ValueError with the remedy."""
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError(f'{text!r} is no date; write YYYY-MM-DD, as in "2026-12-24"')


def check_zone(text: str) -> str:
    """The IANA name of a zone; raises ValueError for anything else.

    Fixed offsets are refused: a place changes its offset twice a year, and the hours people work
    follow the place.
    """
    if text == "UTC":
        return text
    if text[:1] in "+-" or text.startswith(("UTC+", "UTC-", "GMT+", "GMT-", "Etc/GMT")):
        raise ValueError(
            f"{text!r} is a fixed offset, which ignores summer time; "
            "name the place, as in Europe/Berlin"
        )
    if text not in zone_names():
        near = nearest(text, sorted(zone_names()))
        hint = near if near.startswith("did") else "use an IANA name, as in Europe/Berlin"
        raise ValueError(f"{text!r} is no known time zone; {hint}")
    return text
