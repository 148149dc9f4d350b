"""What a channel is: how to verify a request, how to parse its body into drafts. Nothing else.

A channel is pure: no I/O, no clock, no pseudonyms, no ids. It hands over *drafts* that hold the
provider's identifiers in typed wrappers, which only the gateway can turn into text; so a channel
cannot leak a phone number.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol
from urllib.parse import parse_qsl

import msgspec

from carewatch.channels.drafts import Draft
from carewatch.channels.verify import Verifier
from carewatch.domain.errors import InvalidRecord

Json = object
"""Decoded JSON of unknown shape; `channels.fields` reads it."""

_DEPTH: Final = 32
_KEYS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRequest:
    """A request as it arrived. `headers` have lower-case names, `received_at` is ms UTC.

    `url` is the path with its query, as the sender wrote it; `public_url` puts the configured
    public address before it, for providers that sign the whole URL (nothing of it is taken from
    the request's own headers). Nothing of either is ever logged.
    """

    method: str
    url: str
    public_url: str = ""
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    received_at: int

    def parameter(self, name: str) -> str | None:
        """The first query parameter of this name."""
        return next((value for key, value in self.query if key == name), None)

    def json(self) -> Json:
        """The body as JSON: integers exact, NaN refused, at most 32 levels, 1000 keys an object.

        Raises InvalidRecord("not_json").
        """
        try:
            document: Json = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidRecord("not_json") from error
        if not _surely_small(self.body):
            _bounded(document)
        return document

    def form(self) -> tuple[tuple[str, str], ...]:
        """The body as a form (`application/x-www-form-urlencoded`): its fields in their order.

        At least one field, at most 1000; empty values count. Raises InvalidRecord("not_form").
        """
        if not self.body:
            raise InvalidRecord("not_form")
        try:
            return tuple(
                parse_qsl(
                    self.body.decode("ascii"),
                    keep_blank_values=True,
                    strict_parsing=True,
                    errors="strict",
                    max_num_fields=_KEYS,
                )
            )
        except ValueError as error:  # UnicodeDecodeError is one
            raise InvalidRecord("not_form") from error


def _surely_small(body: bytes) -> bool:
    """Whether a body has too few brackets and colons to be a bomb; nearly all of them have."""
    brackets = body.count(b"{") + body.count(b"[")
    return brackets <= _DEPTH and body.count(b":") <= _KEYS


def _bounded(document: Json) -> None:
    """Refuses a JSON bomb before any code recurses into it."""
    level: list[object] = [document]
    for _ in range(_DEPTH + 1):
        deeper: list[object] = []
        for node in level:
            if isinstance(node, dict):
                if len(node) > _KEYS:
                    raise InvalidRecord("not_json", f"more than {_KEYS} keys in one object")
                deeper.extend(node.values())
            elif isinstance(node, list):
                deeper.extend(node)
        if not deeper:
            return
        level = deeper
    raise InvalidRecord("not_json", f"more than {_DEPTH} levels")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a channel may know about the account of the URL (no secrets).

    `match` holds what the body must name, `options` are the channel's own (its module docstring
    lists them), `messages_from` the source that speaks for this account's messages, `api_sender`
    who stands behind messages sent through the provider's API, `rate_limit_per_second` how many
    requests it may bring (None: any number).
    """

    tenant: str
    channel: str
    account_ref: str
    match: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    messages_from: str | None = None
    lifecycle_from: str | None = None
    api_sender: Literal["agent", "bot", "system"] = "agent"
    rate_limit_per_second: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The signing secrets of an account (several while one is rotated) and its handshake token."""

    signing: tuple[str, ...] = field(default=(), repr=False)
    token: str | None = field(default=None, repr=False)


SkipReason = Literal[
    "ignored", "unmapped", "schema", "unknown_type", "missing_section", "time", "wrong_account",
    "error",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """An item that becomes no event. `path` says where it stood, never what it said."""

    reason: SkipReason
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer to the provider."""

    status: int = 200
    text: str = ""
    content_type: str = "text/plain"
    headers: tuple[tuple[str, str], ...] = ()


OK: Final = Reply()
"""An empty 200, which is enough for most providers."""


class ChannelAdapter(Protocol):
    """One channel: `POST /hooks/{name}/{account}`."""

    @property
    def name(self) -> str: ...

    @property
    def source_role(self) -> Literal["channel", "helpdesk", "contact_center", "survey", "generic"]:
        """Whether sessions end by themselves here or somebody says so (domain: the idle rule)."""

    @property
    def version(self) -> str:
        """Rises when the same payload begins to give other events."""

    @property
    def verifiers(self) -> Sequence[Verifier]:
        """Ways to prove that a request is genuine; the first that succeeds is enough."""

    @property
    def body_limit(self) -> int | None:
        """Bytes of the largest documented body, None for the gateway's own limit."""

    @property
    def remembers(self) -> tuple[str, ...]:
        """Headers (lower-case names) that `parse` reads, such as the id of a delivery.

        They are kept, sealed, with a body that becomes a dead letter: fed again, its events must
        have the ids they had. Most providers say everything in the body: `()`. Never a signature.
        """

    @property
    def success(self) -> Reply:
        """What this provider takes for "got it": sent when everything is stored."""

    def challenge(self, request: RawRequest, secrets: Secrets, account: Account) -> Reply | None:
        """The answer to a handshake by GET or OPTIONS; None when it is none, or not genuine."""

    def parse(self, request: RawRequest, account: Account) -> Iterator[Draft | Skip]:
        """Everything the body says, item by item; total over the batch.

        Raises InvalidRecord only when the body as a whole cannot be read.
        """


def each(
    items: object,
    path: str,
    parse_one: Callable[[object, str], Iterable[Draft | Skip]],
) -> Iterator[Draft | Skip]:
    """Parses every item of a list; what one of them raises costs that item alone.

    A missing list is empty; anything else that is no list is one `Skip("schema")`.
    """
    if items is None:
        return
    if not isinstance(items, list):
        yield Skip(reason="schema", path=path)
        return
    for index, item in enumerate(items):
        yield from attempt(item, f"{path}[{index}]", parse_one)


def attempt(
    item: object,
    path: str,
    parse_one: Callable[[object, str], Iterable[Draft | Skip]],
) -> Iterator[Draft | Skip]:
    """Parses one item whole or not at all: an exception turns it into one `Skip`."""
    try:
        parsed = list(parse_one(item, path))
    except InvalidRecord as error:
        reason: SkipReason = "schema"
        for known in ("unknown_type", "missing_section", "time", "wrong_account", "unmapped"):
            if error.reason == known:
                reason = known
        parsed = [Skip(reason=reason, path=path)]
    except Exception:  # noqa: BLE001 - the boundary that keeps a bad item from its siblings
        parsed = [Skip(reason="error", path=path)]
    yield from parsed
