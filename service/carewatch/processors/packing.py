"""How a conversation is packed into the bytes that it is at rest, in memory and in the changelog.

Conversations are alike: the names of metrics, the shape of their states, the labels that recur. So
each is deflated against two examples, in which most of it stands already; what is left are its
ids and instants. That takes a sixth of the room of MessagePack alone, for some microseconds.
"""

import zlib
from typing import Final

import msgspec

_pack: Final = msgspec.msgpack.Encoder().encode

_WINDOW: Final = -13  # raw deflate, 8 KiB: the examples and any ordinary conversation
_MEMORY: Final = 5

_AT: Final = 1767603600500
_WHO: Final = "u_"
_LABELS: Final = ["web", "web-1", "none", "none", "normal", None, _WHO, 1]
_SLA: Final = ["acme", "web", "none", "normal", "everybody", "first_reply"]
_BASE: Final = _SLA[:4]
_MESSAGE: Final = [1, _AT, "", 120, "", "", None, None, None, None, "m_"]
_SPAN: Final = [_AT, None, False, None, True]
_TARGETS: Final = {
    "requester_wait": 1, "agent_work": 1, "resolution": 1, "first_reply": 1, "assignee_reply": 1,
    "periodic_update": 2, "pausable_update": 2, "next_reply": 1,
}  # fmt: skip

_OVER: Final = [
    *(False, 0, 0, None, 1, b"", []),
    [
        *("web", "web-1", None, "support", "none", "normal", "a_", _WHO, [], "resolved", 1),
        *(None, _AT, True, _AT, "resolved", "customer", False, _AT, 1, True, False, False, _AT),
        *(None, None, None, [], None, "a_", [], [], []),
        {
            "handle:session": [
                [4, _LABELS, "handle_time", _AT, ["activity"], 40000, 0, [], [], 40000], "",
            ],
            "resolution_time_full": [
                [1, _LABELS, "resolution_time_full", _AT, _AT, None, 180000, None], "",
            ],
        },
        [],
        [
            [target, 1, _AT, None, None, [_SPAN], 0, 0, False, None, ["resolved", False, "a_"]]
            for target in ("requester_wait", "agent_work", "resolution")
        ],
        *(None, True, _TARGETS, None, [_AT, 0, 0, "", 11, ""], _AT, [], ["a_", _AT], _AT),
        [_AT, _WHO, "web"],
    ],
    [0, [], ["web", "web-1", None, _WHO], b"", 10, 0],
]  # fmt: skip
_EVENTS: Final = [
    [*_MESSAGE, "bot", "outbound", None, "b_", None, None, False, False, None, None, None],
    [5, _AT, "", 120, "", "", None, None, None, None, True],
    [4, _AT, "", 120, "", "", None, None, None, None, ["queue"], None, None, "q_"],
    [3, _AT, "", 120, "", "", None, None, None, None, "resolved", None, False, None, "a_", None],
    [*_MESSAGE, "person", "outbound", None, "a_", None, None, False, False, None, None, None],
    [*_MESSAGE, "customer", "inbound", None, None, None, None, False, False, None, None, None],
]
_STANDING: Final = [
    *(["oldest_open", _BASE, []], ["oldest_unanswered", _BASE, []]),
    ["longest_waiting_now", _BASE, []],
    *(["backlog_age", _BASE, []], ["open_wait_age", _BASE, []]),
    ["sla_due_within", [*_SLA, "15m"], []],
    ["sla_due_within", [*_SLA, "30m"], []],
    ["sla_due_within", [*_SLA, "60m"], []],
    ["next_due", ["acme", "none", "none", "normal"], ["everybody", "first_reply"]],
]
_WAITS: Final[list[object]] = [
    *(False, 0, 0, _AT, 1, _pack(_STANDING), [_AT] * 9),
    [
        *("web", "web-1", None, "none", "none", "normal", None, _WHO, [], "open", 1),
        [
            *(_AT, True, "customer", False, False, False, False, None, None, None, False, [0, 0]),
            *(0, {}, _AT, False, [], [0, 0], None, None, None, False, [], _LABELS, 1, 0, 0, []),
            *(True, False, False),
        ],
        *(_AT, False, None, None, None, False, None, 0, False, False, True, _AT),
        [_AT, True, [[_LABELS, [["m_", _AT]]]], 0, 0],
        *(["none", _AT, True, False, None], None, [], None, None, [], [], []),
        {
            name: [[4, _LABELS, name, _AT, [], 1, 0, [], [], None], ""]
            for name in ("turns_opened", "queue_offered", "abandonment_rate")
        },
        [
            *(
                [target, 1, _AT, None, None, [_SPAN], 0, 0, False, None, None]
                for target in ("requester_wait", "agent_work", "resolution")
            ),
            [
                *("first_reply", 1, _AT),
                [
                    [
                        *("everybody", 1, "first_reply", "normal", 600000, "24x7"),
                        *([[300000, "50%"], [480000, "80%"]], [], True, "first_customer_message"),
                        *(False, False, "cancel", False, 259200000),
                    ],
                    *("pending", _AT, _AT, 0, 0),
                ],
                *(None, [[_AT, "24x7", False, None, False]], 0, 0, False, None, None),
            ],
        ],
        *([], None, True, _TARGETS, None, [_AT, 0, 0, "", 3, ""], None),
        *([[_LABELS, [["m_", _AT]]]], None, None, [_AT, _WHO, "web"]),
    ],
    [0, [], ["web", "web-1", None, _WHO], b"", 1, 0],
    *(None, None, _AT, _AT, {}, [], {}, _AT),
]

EXAMPLES: Final = b"".join((_pack(_OVER), *map(_pack, _EVENTS), _pack(_WAITS)))
"""Never changed: rows can only be read against the examples that they were written against.

Should conversations become very different, others come with another version of rows.
"""

_empty: Final = zlib.compressobj(
    3, zlib.DEFLATED, _WINDOW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, EXAMPLES
)


def pack(body: bytes) -> bytes:
    """The bytes from which `unpack` makes `body` again; the same on every machine with this zlib.

    Results do not depend on them: another zlib may pack tighter, and unpacks the same.
    """
    packer = _empty.copy()
    return packer.compress(body) + packer.flush()


def unpack(packed: bytes, most: int = 0) -> bytes:
    """What was packed, or its first `most` bytes; raises zlib.error when it is no such thing."""
    return zlib.decompressobj(_WINDOW, EXAMPLES).decompress(packed, most)
