"""Dead letters are sealed before they leave a process."""

from collections.abc import Awaitable, Sequence

import pytest

from carewatch.domain.errors import ConfigError, InvalidRecord
from carewatch.engine.ports import Message
from carewatch.engine.sealing import Seal, SealingProducer, seal_of
from carewatch.settings import PrivacySettings, Secret, Settings

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


def test_without_a_key_only_the_projects_own_tests_may_run() -> None:
    assert seal_of(Settings(testing=True)) is None
    with pytest.raises(ConfigError, match=r"privacy\.dead_letter_key is not set"):
        seal_of(Settings())
    assert seal_of(Settings(privacy=PrivacySettings(dead_letter_key=Secret("k")))) is not None


class Recorder:
    """A producer that remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.sent: dict[tuple[str, int], list[Message]] = {}

    async def start(self) -> None:
        self.calls.append("start")

    async def begin(self) -> None:
        self.calls.append("begin")

    async def send(
        self, topic: str, partition: int, messages: Sequence[Message]
    ) -> Sequence[Awaitable[object]]:
        self.sent[topic, partition] = list(messages)
        return ()

    async def commit(self) -> None:
        self.calls.append("commit")

    async def close(self) -> None:
        self.calls.append("close")


async def test_only_dead_letters_are_sealed_and_everything_passes_through() -> None:
    recorder, seal = Recorder(), Seal("a key")
    producer = SealingProducer(recorder, seal)
    fact = Message(b"c1", BODY)

    await producer.start()
    await producer.begin()
    await producer.send("care.facts", 1, [fact])
    await producer.send("care.dead", 0, [Message(None, BODY), Message(None, None)])
    await producer.commit()
    await producer.close()

    assert recorder.calls == ["start", "begin", "commit", "close"]
    first, second = recorder.sent.pop(("care.dead", 0))
    assert first.value is not None
    assert (seal.open(first.value), second) == (BODY, Message(None, None))
    assert recorder.sent == {("care.facts", 1): [fact]}
