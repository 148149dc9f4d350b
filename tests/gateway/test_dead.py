"""The gateway's dead letters say where they came from, and why."""

from carewatch.gateway.dead import LARGEST, dead_letter
from support import hooks

BODY = b"Ada Example, 4915112345678"


def test_a_letter_says_where_it_came_from_and_why() -> None:
    letter = dead_letter(
        BODY, "schema", seal=None, channel="generic", account="web-1", received_at=hooks.NOW
    )

    assert letter.value == BODY
    assert dict(letter.headers) == {
        "kind": b"body",
        "reason": b"schema",
        "stage": b"gateway",
        "ingest_ts": str(hooks.NOW).encode(),
        "code_version": b"0.1.0",
        "attempt": b"1",
        "channel": b"generic",
        "account": b"web-1",
    }


def test_a_body_that_no_topic_takes_leaves_its_reason() -> None:
    letters = [
        dead_letter(
            b"x" * size, "schema", seal=None, channel="g", account="a", received_at=hooks.NOW
        )
        for size in (LARGEST, LARGEST + 1)
    ]

    assert [(len(letter.value), dict(letter.headers)["reason"]) for letter in letters] == [
        (LARGEST, b"schema"),
        (0, b"too_large"),
    ]
