"""Settings of every process: one frozen value from `carewatch.yaml` and `CAREWATCH_*` variables.

Unknown keys are refused, secrets are references (`env:NAME`, `file:path`) and never printed. A
variable wins over the file: `CAREWATCH_GATEWAY_PORT` overrides `gateway.port`. To add a setting is
to add one field here, with its bounds and its description: variable, check and table follow.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from carewatch.domain.errors import ConfigError
from carewatch.overrides import apply_overrides
from carewatch.secrets import Secret, SecretSource
from carewatch.shape import decode
from carewatch.yamlfile import Keys, Mistake, YamlFile, read_yaml

__all__ = [
    "AccountSettings",
    "BoardSettings",
    "GatewaySettings",
    "KafkaSettings",
    "PrivacySettings",
    "Secret",
    "Settings",
    "WorkerSettings",
    "config_folder",
    "load_settings",
    "read_settings",
]

Port = Annotated[int, Meta(ge=0, le=65_535)]
Count = Annotated[int, Meta(ge=1, le=10_000)]
Millis = Annotated[int, Meta(ge=1, le=86_400_000)]

FILE = "carewatch.yaml"
RULEBOOK_KEYS = frozenset({"tenants", "duplicates_within"})
"""Sections of the same file that belong to the rulebook."""
LEAST_KEY_LENGTH = 16
"""A pseudonym is only as hard to reverse as its key is to guess: 128 bits at the least."""
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,200}")
"""What a token may be: it stands in headers and in addresses, where other signs mean something."""


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Unknown keys are refused: a misspelt key must not be silently ignored."""


class KafkaSettings(_Strict, frozen=True):
    """Where Kafka is and who asks, and how many partitions and replicas topics are born with."""

    bootstrap_servers: Annotated[
        str, Meta(description="brokers to ask first, host:port, comma-separated")
    ] = "127.0.0.1:9092"
    security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
        Meta(description="how to connect: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"),
    ] = "PLAINTEXT"
    sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"],
        Meta(description="how to prove who asks: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"),
    ] = "SCRAM-SHA-512"
    username: Annotated[str | None, Meta(description="who asks, for SASL")] = None
    password: Secret | None = None
    ca_file: Annotated[
        str | None,
        Meta(description="certificates (PEM) that vouch for the brokers; else the system's"),
    ] = None
    cert_file: Annotated[
        str | None, Meta(description="this process's own certificate (PEM), for TLS on both sides")
    ] = None
    key_file: Annotated[str | None, Meta(description="the key (PEM) of cert_file")] = None
    partitions: Annotated[
        Count, Meta(description="partitions of care.events and of all that follow it; for good")
    ] = 8
    partials_partitions: Annotated[
        Count, Meta(description="partitions of care.partials; for good")
    ] = 4
    metrics_partitions: Annotated[
        Count, Meta(description="partitions of care.metrics; for good")
    ] = 8
    replication_factor: Annotated[
        Count, Meta(description="replicas of new topics; 3 in production")
    ] = 1
    min_insync_replicas: Annotated[
        Count,
        Meta(description="replicas that must have a record before it counts; 2 in production"),
    ] = 1


class GatewaySettings(_Strict, frozen=True):
    """The HTTP receiver."""

    host: Annotated[str, Meta(description="address the webhooks arrive at")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="port of the webhooks; 0 takes a free one")] = 8080
    metrics_port: Annotated[Port, Meta(description="port of the gateway's own metrics")] = 9110
    public_base_url: Annotated[
        str | None,
        Meta(description="address at which providers reach the gateway; some sign the whole URL"),
    ] = None
    body_limit_bytes: Annotated[
        int, Meta(ge=1024, le=16_777_216, description="a longer body is refused with 413")
    ] = 1_048_576
    produce_timeout_ms: Annotated[
        Millis, Meta(description="no acknowledgement from Kafka by then: 503 with Retry-After")
    ] = 2000
    read_timeout_ms: Annotated[
        Millis, Meta(description="a request must have arrived whole by then")
    ] = 10_000
    idle_timeout_ms: Annotated[
        Millis, Meta(description="a connection that brings no whole request head for so long ends")
    ] = 15_000
    max_connections: Annotated[
        int, Meta(ge=1, le=1_000_000, description="connections at once; more are told to come back")
    ] = 2048
    spool_dir: Annotated[
        str, Meta(description="folder for events while Kafka is away; one gateway each, on a disk")
    ] = "data/spool"
    spool_limit_bytes: Annotated[
        int,
        Meta(
            ge=0,
            le=1_099_511_627_776,
            description="most that waits there; beyond it 503 with Retry-After, at 0 at once",
        ),
    ] = 268_435_456


class WorkerSettings(_Strict, frozen=True):
    """`slot` names a worker's place in the group; a stable one makes a restart cheap."""

    metrics_host: Annotated[str, Meta(description="address of the worker's own metrics")] = (
        "127.0.0.1"
    )
    metrics_port: Annotated[Port, Meta(description="port of the worker's own metrics")] = 9109
    slot: Annotated[
        str | None, Meta(description="stable name of this worker in the group, one per process")
    ] = None
    flush_interval_ms: Annotated[
        Millis, Meta(description="results are committed this often, per partition")
    ] = 100
    session_timeout_ms: Annotated[
        Millis, Meta(description="a silent worker loses its partitions after this")
    ] = 6000
    hang_timeout_ms: Annotated[
        Millis, Meta(description="a main loop that hangs for this long ends the process, exit 70")
    ] = 30_000
    transaction_timeout_ms: Annotated[
        Millis, Meta(description="the broker ends a transaction left open after this")
    ] = 10_000
    flush_timeout_ms: Annotated[
        Millis, Meta(description="a flush must end by then; below transaction_timeout_ms")
    ] = 8000


class BoardSettings(_Strict, frozen=True):
    """The exporter, the wall page and the JSON API; with a `token` for those alone who know it."""

    host: Annotated[str, Meta(description="address of the board")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="port of /metrics, /wall and /api/v1/board")] = 9108
    max_streams: Annotated[
        int, Meta(ge=1, le=100_000, description="walls at once; more are told to come back")
    ] = 500
    token: Secret | None = None


class AccountSettings(_Strict, frozen=True):
    """One account of a channel: the URL is /hooks/{channel}/{account}.

    `secrets` are resolved references, several at once while they are rotated. `match` holds what
    the body must name (phone_number_id, account_id), so that a validly signed event of another
    account is refused. `spool: false` is for providers that send again for hours: while Kafka is
    away they are told to, and nothing of them waits on a disk here. `rate_limit_per_second` genuine
    requests are taken on average, `rate_burst` of them at once (not said: those of one second);
    what is more gets 429.
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
    rate_limit_per_second: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    rate_burst: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    spool: bool = True
    options: dict[str, str] = {}


class PrivacySettings(_Strict, frozen=True):
    """Keys that never reach Kafka: customer and agent pseudonyms per tenant, dead letters.

    What customers of `text_tenants` write goes to the restricted topic `care.text`, for annotators;
    nobody's does unless it is named here.
    """

    customer_keys: dict[str, Secret] = {}
    agent_keys: dict[str, Secret] = {}
    key_id: str = "1"
    dead_letter_key: Secret | None = None
    text_tenants: tuple[str, ...] = ()


class Settings(_Strict, frozen=True):
    """Everything a process needs to know; `load_settings` reads it."""

    kafka: KafkaSettings = KafkaSettings()
    gateway: GatewaySettings = GatewaySettings()
    worker: WorkerSettings = WorkerSettings()
    board: BoardSettings = BoardSettings()
    accounts: tuple[AccountSettings, ...] = ()
    privacy: PrivacySettings = PrivacySettings()
    testing: Annotated[
        bool, Meta(description="opens what only the project's own tests may use")
    ] = False
    failpoints: Annotated[
        str | None,
        Meta(description="where a worker under test kills or freezes itself: name=kill@3, ..."),
    ] = None


def config_folder(folder: Path | None, environ: Mapping[str, str]) -> tuple[Path, bool]:
    """The folder to read, and whether somebody named it: `folder`, CAREWATCH_CONFIG, ./config."""
    if folder is not None:
        return folder, True
    named = environ.get("CAREWATCH_CONFIG")
    return (Path(named), True) if named else (Path("config"), False)


Needed = Literal["all", "gateway", "board", "dead_letters", "kafka", "none"]
"""Which secrets a process needs: the gateway all but the token of the board, the worker the key of
dead letters."""


def load_settings(
    folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    secrets: Needed = "all",
) -> Settings:
    """The settings in `folder`/carewatch.yaml, overridden by `CAREWATCH_*` variables.

    Without a folder: CAREWATCH_CONFIG, else ./config, which alone may be missing (defaults and
    variables then say everything). Only the secrets that a process needs are resolved, so the
    others can stay with the gateway.

    Raises ConfigError with every mistake on a line of its own.
    """
    variables = os.environ if environ is None else environ
    chosen, named = config_folder(folder, variables)
    mistakes: list[Mistake] = []
    if not named and not chosen.exists():
        file: YamlFile | None = YamlFile(str(chosen / FILE), {})
    else:
        file = read_yaml(chosen / FILE, mistakes)
    settings = read_settings(file, chosen, variables, mistakes, secrets=secrets)
    if settings is None:
        raise ConfigError("\n".join(str(one) for one in sorted(set(mistakes))))
    return settings


def read_settings(
    file: YamlFile | None,
    folder: Path,
    environ: Mapping[str, str],
    mistakes: list[Mistake],
    *,
    secrets: Needed = "all",
) -> Settings | None:
    """The settings in a file that is already read; None after adding to `mistakes`."""
    if file is None:
        return None
    source = SecretSource(folder, environ, resolve=_resolved(secrets))
    written = {key: value for key, value in file.value.items() if key not in RULEBOOK_KEYS}
    found: list[Mistake] = []
    tree = apply_overrides(written, environ, Settings, found)
    settings = decode(
        file, tree, (), Settings, found, custom=source.problem, convert=source.convert
    )
    if settings is not None and not found:
        found.extend(_contradictions(file, settings, secrets=secrets in {"all", "gateway"}))
        found.extend(_weak_token(file, settings, secrets))
    mistakes.extend(found)
    if settings is None or found:
        return None
    return settings if secrets == "all" else _without_secrets(settings, secrets)


def _contradictions(file: YamlFile, settings: Settings, *, secrets: bool) -> list[Mistake]:
    """What no single key can show: each is right, and together they cannot work."""
    found: list[Mistake] = []
    worker, kafka, gateway = settings.worker, settings.kafka, settings.gateway
    if worker.flush_timeout_ms >= worker.transaction_timeout_ms:
        says = (
            f"{worker.flush_timeout_ms} must be below transaction_timeout_ms "
            f"({worker.transaction_timeout_ms}), or the broker ends the transaction first"
        )
        found.append(file.mistake(("worker", "flush_timeout_ms"), says))
    if kafka.min_insync_replicas > kafka.replication_factor:
        says = (
            f"{kafka.min_insync_replicas} is more than replication_factor "
            f"({kafka.replication_factor}): nothing could be written; lower it"
        )
        found.append(file.mistake(("kafka", "min_insync_replicas"), says))
    if kafka.security_protocol.startswith("SASL"):
        for name in ("username", "password"):
            if getattr(kafka, name) is None:
                says = f"is missing, and security_protocol {kafka.security_protocol} needs it"
                found.append(file.mistake(("kafka", name), says))
    if (kafka.cert_file is None) != (kafka.key_file is None):
        says = "cert_file and key_file need each other; set both or none"
        found.append(file.mistake(("kafka", "cert_file"), says))
    if gateway.port == gateway.metrics_port != 0:
        says = f"{gateway.port} is also gateway.port; give each a port of its own"
        found.append(file.mistake(("gateway", "metrics_port"), says))
    seen: set[tuple[str, str]] = set()
    tenants = file.value.get("tenants")
    for at, account in enumerate(settings.accounts):
        place = ("accounts", at)
        name = f"{account.channel}/{account.account}"
        if (account.channel, account.account) in seen:
            says = f"{name} is configured twice; keep one (several secrets go in its list)"
            found.append(file.mistake((*place, "account"), says))
        seen.add((account.channel, account.account))
        if account.rate_burst is not None and account.rate_limit_per_second is None:
            says = f"of {name} says nothing without rate_limit_per_second; add it or remove this"
            found.append(file.mistake((*place, "rate_burst"), says))
        if not account.secrets and account.verify_token is None:
            says = f"{name} has none, so every request would be refused; name one as env: or file:"
            found.append(file.mistake((*place, "secrets"), says))
        if isinstance(tenants, dict) and account.tenant not in tenants:
            says = f"{account.tenant!r} is not a key of tenants; add it there or correct it here"
            found.append(file.mistake((*place, "tenant"), says))
        for section in ("customer_keys", "agent_keys"):
            if account.tenant not in getattr(settings.privacy, section):
                says = f"has no key for tenant {account.tenant!r}, which {name} needs; add one"
                found.append(file.mistake(("privacy", section), says))
    for at, tenant in enumerate(settings.privacy.text_tenants):
        if all(account.tenant != tenant for account in settings.accounts):
            says = f"no account is of tenant {tenant!r}; correct the name or remove it"
            found.append(file.mistake(("privacy", "text_tenants", at), says))
    for section in ("customer_keys", "agent_keys") if secrets else ():
        keys: dict[str, Secret] = getattr(settings.privacy, section)
        for tenant, key in keys.items():
            if len(key.reveal().encode()) < LEAST_KEY_LENGTH:
                says = f"is shorter than {LEAST_KEY_LENGTH} bytes; make one: openssl rand -hex 32"
                found.append(file.mistake(("privacy", section, tenant), says))
    return found


def _weak_token(file: YamlFile, settings: Settings, secrets: Needed) -> list[Mistake]:
    token = settings.board.token
    if secrets not in {"all", "board"} or token is None or _TOKEN.fullmatch(token.reveal()):
        return []
    says = "must be 16 to 200 letters, digits and - . _ ~; make one: openssl rand -hex 32"
    return [file.mistake(("board", "token"), says)]


def _resolved(secrets: Needed) -> Callable[[Keys], bool]:
    password, token = ("kafka", "password"), ("board", "token")
    needed: dict[Needed, tuple[Keys, ...]] = {
        "board": (password, token),
        "dead_letters": (password, ("privacy", "dead_letter_key")),
        "kafka": (password,),
        "none": (),
    }
    if secrets == "gateway":
        return lambda keys: tuple(keys) != token
    return lambda keys: secrets == "all" or tuple(keys) in needed[secrets]


def _without_secrets(settings: Settings, secrets: Needed) -> Settings:
    """The same, without the placeholders of what was not resolved: nobody can use one by chance."""
    replace = msgspec.structs.replace
    if secrets != "board":
        settings = replace(settings, board=replace(settings.board, token=None))
    if secrets == "gateway":
        return settings
    privacy, kafka = settings.privacy, settings.kafka
    return replace(
        settings,
        kafka=replace(kafka, password=None) if secrets == "none" else kafka,
        accounts=tuple(replace(one, secrets=(), verify_token=None) for one in settings.accounts),
        privacy=PrivacySettings(
            key_id=privacy.key_id,
            dead_letter_key=privacy.dead_letter_key if secrets == "dead_letters" else None,
        ),
    )
