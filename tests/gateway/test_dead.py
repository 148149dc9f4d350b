"""Dead letters are sealed."""

import pytest

from carewatch.domain.errors import ConfigError, InvalidRecord
from carewatch.gateway.dead import LARGEST, Seal, dead_letter, seal_of
from carewatch.settings import PrivacySettings, Secret, Settings
from support import hooks

BODY = b"Ada Example, 4915112345678"


def test_a_sealed_body_opens_with_its_key_only() -> None:
    sealed = Seal("a key").close(BODY)

    assert Seal("a key").open(sealed) == BODY
    for value in (sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1]), BODY, b"", b"CWD1"):
        with pytest.raises(InvalidRecord):
            Seal("a key").open(value)
    with pytest.raises(InvalidRecord):
        Seal("another").open(sealed)


def test_a_sealed_body_shows_nothing_and_never_looks_the_same() -> None:
    first, second = Seal("a key").close(BODY), Seal("a key").close(BODY)

    assert first != second
    assert b"Ada" not in first


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


def test_without_a_key_only_the_projects_own_tests_may_run() -> None:
    assert seal_of(Settings(testing=True)) is None
    with pytest.raises(ConfigError, match=r"privacy\.dead_letter_key is not set"):
        seal_of(Settings())
    assert seal_of(Settings(privacy=PrivacySettings(dead_letter_key=Secret("k")))) is not None
