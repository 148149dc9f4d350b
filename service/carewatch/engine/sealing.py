"""Dead letters are sealed with AES-GCM before they leave the process.

What could not be understood may hold names, numbers and texts, so `care.dead` holds it only for
people with the key (`privacy.dead_letter_key`). Without a key, in tests, it is stored as it came.
"""

import hashlib
import os
from collections.abc import Awaitable, Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from carewatch.domain.errors import ConfigError, InvalidRecord
from carewatch.engine.ports import Message, TransactionalProducer
from carewatch.settings import Settings
from carewatch.wire.topics import DEAD

MAGIC: Final = b"CWD1"
"""Marks a sealed value, and its version; then a nonce of 12 bytes, then ciphertext and tag."""

_NONCE: Final = 12


class Seal:
    """Seals and opens dead letters with one key, the SHA-256 of a secret text."""

    def __init__(self, secret: str) -> None:
        self._cipher = AESGCM(hashlib.sha256(secret.encode()).digest())

    def close(self, body: bytes) -> bytes:
        """The sealed form; another nonce, so other bytes, at every call."""
        nonce = os.urandom(_NONCE)
        return MAGIC + nonce + self._cipher.encrypt(nonce, body, MAGIC)

    def open(self, value: bytes) -> bytes:
        """The body again; raises InvalidRecord for another key or a changed value."""
        if not value.startswith(MAGIC):
            raise InvalidRecord("version")
        nonce, sealed = value[len(MAGIC) :][:_NONCE], value[len(MAGIC) + _NONCE :]
        try:
            return self._cipher.decrypt(nonce, sealed, MAGIC)
        except (InvalidTag, ValueError) as error:
            raise InvalidRecord("row_checksum") from error


def seal_of(settings: Settings) -> Seal | None:
    """The seal in force; None only in tests and the demo. Raises ConfigError without a key."""
    key = settings.privacy.dead_letter_key
    if key is not None and key.reveal():
        return Seal(key.reveal())
    if settings.testing:
        return None
    raise ConfigError(
        "privacy.dead_letter_key is not set: dead letters hold personal data and are never stored"
        " in the clear; give it a reference to at least 24 random bytes (env:NAME, file:path)"
    )


class SealingProducer:
    """A transactional producer that seals what goes to `care.dead`; all else passes through."""

    def __init__(self, producer: TransactionalProducer, seal: Seal) -> None:
        self._producer = producer
        self._seal = seal

    async def start(self) -> None:
        await self._producer.start()

    async def begin(self) -> None:
        await self._producer.begin()

    async def send(
        self, topic: str, partition: int, messages: Sequence[Message]
    ) -> Sequence[Awaitable[object]]:
        if topic == DEAD:
            messages = [
                one._replace(value=None if one.value is None else self._seal.close(one.value))
                for one in messages
            ]
        return await self._producer.send(topic, partition, messages)

    async def commit(self) -> None:
        await self._producer.commit()

    async def close(self) -> None:
        await self._producer.close()
