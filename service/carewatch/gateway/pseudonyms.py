"""Pseudonyms: keyed hashes of identifiers, the only form in which they leave the gateway.

A plain hash of a phone number is undone by trying all numbers; without the tenant's key this one
is not. Customers and agents have different keys; destroying a key erases the link for good.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

from carewatch.channels.drafts import AgentId, ConversationId, CustomerId, MessageId, ProviderId
from carewatch.domain.errors import ConfigError, InvalidRecord
from carewatch.settings import PrivacySettings

LENGTH: Final = 26
"""Characters of base32, 130 bits: no two identifiers will ever meet."""

_SEPARATOR: Final = "\x00"
_OURS: Final = re.compile(rf"[acmu]_[a-z2-7]{{{LENGTH}}}")


_DIGITS: Final = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS: Final = tuple(one + other for one in _DIGITS for other in _DIGITS)
_SHIFTS: Final = tuple(range(120, -1, -10))


def short_hash(digest: bytes) -> str:
    """The first 130 bits of a digest in lower-case base32.

    Two digits at a time: the standard library's base32 took a fifth of a webhook's time.
    """
    bits = int.from_bytes(digest[:17]) >> 6
    return "".join([_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])


def event_id(source: str, key: str) -> str:
    """The id of an event: the same for every delivery, gateway and retry of the same thing."""
    return short_hash(hashlib.sha256(f"{source}\n{key}".encode("utf-8", "surrogatepass")).digest())


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """The pseudonyms of one account. An identifier that is not shared is bound to `scope`."""

    customer_key: bytes
    agent_key: bytes
    scope: str
    key_id: str

    def customer(self, customer: CustomerId) -> str:
        """`u_…`: the same person in every conversation of the family."""
        return self._key("u_", self.customer_key, customer)

    def agent(self, agent: AgentId) -> str:
        """`a_…`: agents are persons, too, under a key of their own."""
        return self._key("a_", self.agent_key, agent)

    def conversation(self, conversation: ConversationId) -> str:
        """`c_…`: hashed since many providers name a conversation by the customer's number."""
        return self._key("c_", self.customer_key, conversation)

    def message(self, message: MessageId) -> str:
        """`m_…`: a wamid contains the phone number."""
        return self._key("m_", self.customer_key, message)

    def _key(self, prefix: str, key: bytes, identifier: ProviderId) -> str:
        """Raises InvalidRecord for one that is said to be ours, and cannot be."""
        if identifier.ours:
            if not _OURS.fullmatch(identifier.value) or not identifier.value.startswith(prefix):
                raise InvalidRecord("schema", "a key that carewatch never gave away")
            return identifier.value
        scope = "" if identifier.shared else self.scope
        kind = type(identifier).__name__
        text = _SEPARATOR.join((kind, identifier.family, scope, identifier.value))
        message = text.encode("utf-8", "surrogatepass")
        return prefix + short_hash(hmac.digest(key, message, "sha256"))


def pseudonyms_of(privacy: PrivacySettings, tenant: str, adapter: str, account: str) -> Pseudonyms:
    """The pseudonyms of an account; raises ConfigError when its tenant has no keys."""
    keys: list[bytes] = []
    for name, by_tenant in (
        ("customer_keys", privacy.customer_keys),
        ("agent_keys", privacy.agent_keys),
    ):
        secret = by_tenant.get(tenant)
        if secret is None or not secret.reveal():
            raise ConfigError(
                f"privacy.{name}.{tenant} is not set: identifiers of tenant {tenant} would have no"
                " pseudonym; give it a reference to at least 24 random bytes (env:NAME, file:path)"
            )
        keys.append(secret.reveal().encode())
    return Pseudonyms(
        customer_key=keys[0],
        agent_key=keys[1],
        scope=f"{adapter}/{account}",
        key_id=privacy.key_id,
    )
