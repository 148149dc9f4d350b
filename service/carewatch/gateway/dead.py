"""Dead letters of the gateway: the bodies that could not be understood, sealed with AES-GCM.

A body holds names, numbers and texts, so it is stored only for people with the key
(`privacy.dead_letter_key`). Without a key, in tests and the demo, it is stored as it came.
"""

import hashlib
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from carewatch import __version__
from carewatch.domain.errors import ConfigError, InvalidRecord
from carewatch.gateway.producer import Outgoing
from carewatch.settings import Settings
from carewatch.wire.dead import dead_headers

MAGIC: Final = b"CWD1"
"""Marks a sealed value, and its version; then a nonce of 12 bytes, then ciphertext and tag."""

_NONCE: Final = 12

LARGEST: Final = 6_291_456 - 4096
"""Bytes of the largest body that `care.dead` takes, headers and seal aside."""


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


def dead_letter(
    body: bytes, reason: str, *, seal: Seal | None, channel: str, account: str, received_at: int
) -> Outgoing:
    """The record of `care.dead` for a request's body.

    A body beyond LARGEST is replaced by nothing, with the reason `too_large`: an error instead
    would make the provider repeat for ever what can never be stored.
    """
    if len(body) > LARGEST:
        body, reason = b"", "too_large"
    headers = dead_headers(
        reason=reason,
        stage="gateway",
        kind="body",
        ingest_ts=received_at,
        code_version=__version__,
        channel=channel,
        account=account,
    )
    return Outgoing(None, seal.close(body) if seal else body, received_at, headers)
