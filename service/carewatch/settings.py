"""Settings of every process: one frozen value from `carewatch.yaml` and `CAREWATCH_*` variables.

Unknown keys are refused, secrets are references (`env:NAME`, `file:path`) and never printed.
"""

from typing import Literal

import msgspec


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Unknown keys are refused: a misspelt key must not be silently ignored."""


class Secret:
    """A secret value. Its repr is masked; `reveal()` is the only way to the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself: hand it on, never log it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


class KafkaSettings(_Strict):
    """Where Kafka is, and how many partitions and replicas topics are born with."""

    bootstrap_servers: str = "127.0.0.1:9092"
    partitions: int = 8
    partials_partitions: int = 4
    metrics_partitions: int = 8
    replication_factor: int = 1
    min_insync_replicas: int = 1


class GatewaySettings(_Strict):
    host: str = "127.0.0.1"
    port: int = 8080
    metrics_port: int = 9110
    body_limit_bytes: int = 1_048_576
    produce_timeout_ms: int = 2000
    read_timeout_ms: int = 10_000


class WorkerSettings(_Strict):
    """`slot` names a worker's place in the group; a stable one makes a restart cheap."""

    metrics_host: str = "127.0.0.1"
    metrics_port: int = 9109
    slot: str | None = None
    flush_interval_ms: int = 100
    session_timeout_ms: int = 6000
    transaction_timeout_ms: int = 10_000
    flush_timeout_ms: int = 8000


class BoardSettings(_Strict):
    host: str = "127.0.0.1"
    port: int = 9108


class AccountSettings(_Strict):
    """One account of a channel: the URL is /hooks/{channel}/{account}.

    `secrets` and `tokens` are resolved references, several at once while they are rotated.
    `match` holds what the body must name (phone_number_id, account_id), so that a validly signed
    event of another account is refused.
    """

    channel: str
    account: str
    tenant: str
    secrets: tuple[Secret, ...] = ()
    verify_token: Secret | None = None
    match: dict[str, str] = {}
    messages_from: str | None = None
    lifecycle_from: str | None = None
    api_sender: Literal["agent", "bot", "system"] = "agent"
    options: dict[str, str] = {}


class PrivacySettings(_Strict):
    """Keys that never reach Kafka: customer and agent pseudonyms per tenant, dead letters."""

    customer_keys: dict[str, Secret] = {}
    agent_keys: dict[str, Secret] = {}
    key_id: str = "1"
    dead_letter_key: Secret | None = None


class Settings(_Strict):
    """Everything a process needs to know; `load_settings` reads it."""

    kafka: KafkaSettings = KafkaSettings()
    gateway: GatewaySettings = GatewaySettings()
    worker: WorkerSettings = WorkerSettings()
    board: BoardSettings = BoardSettings()
    accounts: tuple[AccountSettings, ...] = ()
    privacy: PrivacySettings = PrivacySettings()
    testing: bool = False
