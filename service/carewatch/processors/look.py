"""What people may see of a conversation's state: everything but who and what was said.

Times become text. Of texts only those are shown whose field is known to hold no person's name,
key or words; a new field is hidden until somebody has thought about it.
"""

from typing import Final

import msgspec

from carewatch.domain.times import format_time

SHOWN: Final = frozenset(
    {
        "account", "because", "channel", "clock", "initiated_by", "key", "language", "policy",
        "priority", "queue", "reason", "role", "state", "stated", "status", "tags", "target",
        "team", "tenant",
    }
)  # fmt: skip
"""Fields whose text is shown. `key` and `tenant` are those that were asked for."""

HIDDEN: Final = "(hidden)"


def describe(value: object, name: str = "") -> object:
    """JSON for people: fields at their default are left out, texts outside SHOWN are hidden."""
    match value:
        case msgspec.Struct():
            told: dict[str, object] = {}
            for field in msgspec.structs.fields(value):
                item = getattr(value, field.name)
                if item != field.default:
                    told[field.name] = describe(item, field.name)
            return told
        case bool() | None:
            return value
        case int():
            return format_time(value) if name == "at" or name.endswith("_at") else value
        case str():
            return value if name in SHOWN else HIDDEN
        case dict():
            return {str(key): describe(item, name) for key, item in value.items()}
        case tuple() | list() | set() | frozenset():
            return [describe(item, name) for item in value]
        case bytes():
            return f"({len(value)} bytes)"
        case _:
            return HIDDEN
