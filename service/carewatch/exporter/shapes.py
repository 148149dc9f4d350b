"""The shapes of `/api/v1/board` as JSON Schema (2020-12): what `api` writes, for whoever reads it.

They are open, since v1 may add fields; tests close them, so that `api` writes nothing else.
"""

from copy import deepcopy
from typing import Any, Final, get_args

from carewatch.domain.aggregates import CLASSIC
from carewatch.domain.metric import BASE_LABELS, DAY, ROLLING, TUMBLING, Unit
from carewatch.domain.points import Pane

Schema = dict[str, Any]

_RANKS: Final = ("p50", "p90", "p95", "p99")


def shapes() -> dict[str, Schema]:
    """Every shape by name; a copy, to do with what one likes."""
    return deepcopy({"Board": _BOARD, "Series": _SERIES, **_WINDOWS, **_VALUES})


def ref(name: str) -> Schema:
    """Stands for the shape of this name."""
    return {"$ref": f"#/components/schemas/{name}"}


def instant(says: str, *, missing: bool = False) -> Schema:
    """RFC 3339 in UTC, with milliseconds."""
    kind: object = ["string", "null"] if missing else "string"
    return {"type": kind, "format": "date-time", "description": says}


def _whole(says: str, *, missing: bool = False) -> Schema:
    kind: object = ["integer", "null"] if missing else "integer"
    return {"type": kind, "description": says}


def _shape(says: str, fields: dict[str, Schema], *optional: str) -> Schema:
    required = [name for name in fields if name not in optional]
    return {"type": "object", "description": says, "required": required, "properties": fields}


def _distribution(end: str, says: str) -> Schema:
    return _shape(
        says,
        {
            "count": _whole("how many were measured"),
            f"sum{end}": _whole("all of them added up"),
            f"min{end}": _whole("the least; null when there is none", missing=True),
            f"max{end}": _whole("the greatest; null when there is none", missing=True),
            **{
                f"{rank}{end}": _whole(f"percentile {rank[1:]}, within 2 %", missing=True)
                for rank in _RANKS
            },
        },
    )


_VALUES: Final[dict[str, Schema]] = {
    "Value": {
        "description": "The value of a series in a window; its metric says which of these it is.",
        "anyOf": [
            ref(name)
            for name in ("Count", "Instant", "Ratio", "Durations", "Scores", "Ages", "Deadlines")
        ],
    },
    "Count": _shape("A count, or how many there are now.", {"value": _whole("the number")}),
    "Instant": _shape(
        "A time.", {"at": instant("null: there is none, nothing waits", missing=True)}
    ),
    "Ratio": _shape(
        "A ratio as two counts; readers divide, and have nothing to divide when d is 0.",
        {"n": _whole("how many of them"), "d": _whole("of how many")},
    ),
    "Durations": _distribution("_ms", "A distribution of durations, in milliseconds."),
    "Scores": _distribution("", "A distribution of numbers, in the unit of the series."),
    "Ages": _shape(
        "How many there are now, by how long ago they began.",
        {
            "value": _whole("how many"),
            "classic": {
                "type": "array",
                "description": "how many in each bucket of the Prometheus bounds, not added up",
                "items": {"type": "integer"},
                "minItems": CLASSIC,
                "maxItems": CLASSIC,
            },
        },
    ),
    "Deadlines": _shape(
        "The soonest deadlines now, the next one first.",
        {
            "due": {
                "type": "array",
                "description": "ids only; nothing personal",
                "items": _shape(
                    "A deadline.",
                    {
                        "conversation_key": {"type": "string", "description": "whose it is"},
                        "policy": {"type": "string", "description": "the promise"},
                        "target": {"type": "string", "description": "the clock of the promise"},
                        "due_at": instant("when it is broken"),
                    },
                ),
            }
        },
    ),
}

_PERIOD: Final = {
    "start": instant("the first instant of the window"),
    "end": instant("the first instant after it"),
}

_WINDOWS: Final[dict[str, Schema]] = {
    "Now": {"description": "As of now.", "allOf": [ref("Value")]},
    "Total": {
        "description": "Since the beginning, net: what was withdrawn is taken off.",
        "allOf": [ref("Value")],
        "properties": {"gross": ref("Value")},
    },
    "Rolling": {
        "description": "The last whole minutes.",
        "allOf": [ref("Value"), _shape("Which minutes.", dict(_PERIOD))],
    },
    "Window": {
        "description": "A minute, five of them, a quarter, an hour, or the tenant's day.",
        "allOf": [
            ref("Value"),
            _shape(
                "Which window, and what is known of it.",
                {
                    **_PERIOD,
                    "pane": {
                        "enum": list(get_args(Pane)),
                        "description": "early: still open; on_time: complete; late: corrected",
                    },
                    "provisional": {
                        "const": True,
                        "description": "there while the day of a cohort can still change",
                    },
                },
                "provisional",
            ),
        ],
    },
}

_SERIES: Final = _shape(
    "A metric for one set of labels; it has the windows that its metric has and that hold a value.",
    {
        "metric": {"type": "string", "description": "an id of docs/metrics.md"},
        "unit": {"enum": list(get_args(Unit)), "description": "of its values"},
        "labels": {
            "type": "object",
            "description": "none stands for no value; metrics have further labels of their own",
            "required": list(BASE_LABELS),
            "additionalProperties": {"type": "string"},
        },
        "now": ref("Now"),
        "total": ref("Total"),
        **{window: ref("Rolling") for window in ROLLING},
        **{
            window: {
                "type": "array",
                "description": "newest first, as many as `recent` asks for",
                "items": ref("Window"),
            }
            for window in (*TUMBLING, DAY)
        },
    },
    *("now", "total", *ROLLING, *TUMBLING, DAY),
)

_BY_PARTITION: Final = {
    "type": "object",
    "additionalProperties": {"type": "string", "format": "date-time"},
}

_BOARD: Final = _shape(
    "The newest value of every series that was asked for.",
    {
        "generated_at": instant("the board's clock"),
        "version": {"type": "string", "description": "of carewatch"},
        "data_at": instant("log time of the newest result; null before the first", missing=True),
        "watermark": instant("up to when every result is complete: how old it is", missing=True),
        "watermarks": {**_BY_PARTITION, "description": "the same by partition of the results"},
        "heartbeats": {**_BY_PARTITION, "description": "newest tick by partition of care.events"},
        "rulebook": _whole("number of the rulebook in force; null before the first", missing=True),
        "series": {
            "type": "array",
            "description": "by metric, then labels",
            "items": ref("Series"),
        },
    },
)
