"""What is fuzzed: one target per channel's parser, per channel's verifiers, per decoder of a topic.

A target takes bytes and raises on a finding. `Wrong` is a promise that was broken; any other
exception is one that no reader of hostile bytes may let through.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from carewatch.channels import CHANNELS
from carewatch.channels.base import ChannelAdapter, Secrets, Skip
from carewatch.channels.verify import (
    Basic,
    Bearer,
    Hmac,
    Special,
    StaticHeader,
    UrlToken,
    Verdict,
    verify,
)
from carewatch.domain.errors import InvalidRecord
from carewatch.gateway.normalise import normalise
from carewatch.wire import commands, customers, envelope, events, partials, points, rulebooks
from support import hooks

EXAMPLES: Final = Path(__file__).parents[2] / "schemas" / "examples"

KEY: Final = b"c_aaaaaaaaaaaaaaaaaaaaaaaaaa"


class Wrong(AssertionError):
    """A promise about bytes from outside that did not hold; says nothing of the bytes."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """`check` is given any bytes; `seeds` are inputs to begin with, `words` parts worth trying."""

    name: str
    check: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    words: tuple[str, ...] = ()


def _parse(channel: ChannelAdapter, body: bytes) -> None:
    """Every genuine body: a refusal as a whole, or items that can be published or skipped.

    A Skip("error") is a finding, too: an exception that the channel did not foresee.
    """
    account = hooks.ACCOUNTS[channel.name]
    request = hooks.request(channel.name, body)
    try:
        items = list(channel.parse(request, account))
    except InvalidRecord:
        return
    for item in items:
        if isinstance(item, Skip):
            if item.reason == "error":
                raise Wrong(f"{channel.name}: an unforeseen exception at {item.path}")
            continue
        try:
            event = normalise(item, channel, account, hooks.hide(channel.name), hooks.NOW)
        except InvalidRecord:
            continue
        if envelope.decode_envelope(envelope.encode_event(event)) != event:
            raise Wrong(f"{channel.name}: {event.type} is read as another event")


def _verify(channel: ChannelAdapter, data: bytes) -> None:
    """A request made of any bytes proves nothing, and costs an answer, not an exception."""
    head, _, body = data.partition(b"\n\n")
    lines = head.decode("utf-8", "surrogateescape").split("\n")
    headers = dict(zip(_proving(channel), lines, strict=False))
    request = hooks.request(channel.name, body, headers)
    verdict = verify(channel.verifiers, request, hooks.secrets(channel.name), hooks.NOW)
    if verdict is Verdict.GENUINE:
        raise Wrong(f"{channel.name}: took a request for genuine that nobody signed")
    if verify(channel.verifiers, request, Secrets(), hooks.NOW) is not Verdict.UNVERIFIED:
        raise Wrong(f"{channel.name}: proved something to an account without a secret")


def _proving(channel: ChannelAdapter) -> list[str]:
    """The headers that a channel's schemes look at."""
    names: dict[str, None] = {}
    for verifier in channel.verifiers:
        match verifier:
            case Hmac():
                names[verifier.header] = None
                if verifier.ts is not None:
                    names[verifier.ts] = None
            case StaticHeader() | Special():
                names[verifier.header] = None
            case Basic() | Bearer():
                names["authorization"] = None
            case UrlToken():
                pass
    # A delivery's id is signed by Standard Webhooks.
    return [*names, "webhook-id"]


def _decode(decode: Callable[[bytes], object], value: bytes) -> None:
    try:
        decode(value)
    except InvalidRecord:
        return


def _examples(topic: str) -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in sorted((EXAMPLES / topic / "1").glob("*.json")))


def _heads(channel: ChannelAdapter, bodies: list[bytes]) -> tuple[bytes, ...]:
    """Requests signed with a secret that is not the account's."""
    sender, found = hooks.SENDERS[channel.name], []
    for body in bodies[:3]:
        signed = hooks.signature(channel.name, body, secret=sender.other_secret)
        lines = [signed.get(name, "") for name in _proving(channel)]
        found.append("\n".join(lines).encode() + b"\n\n" + body)
    return tuple(found)


def _of_channels() -> list[Target]:
    bodies: dict[str, list[bytes]] = {channel.name: [] for channel in CHANNELS}
    for fixture in hooks.fixtures():
        bodies[fixture.channel].append(fixture.body)
    found = []
    for channel in CHANNELS:
        mine = bodies[channel.name]
        found.append(
            Target(name=f"parse-{channel.name}", check=partial(_parse, channel), seeds=tuple(mine))
        )
        found.append(
            Target(
                name=f"verify-{channel.name}",
                check=partial(_verify, channel),
                seeds=_heads(channel, mine),
            )
        )
    return found


def _of_topics() -> list[Target]:
    decoders: list[tuple[str, Callable[[bytes], object], str]] = [
        ("envelope", envelope.decode_envelope, "care.events"),
        ("event", partial(events.decode_event, KEY), "care.events"),
        ("point", points.decode_point, "care.metrics"),
        ("partial", partial(partials.decode, KEY), "care.metrics"),
        ("customer", partial(customers.decode, KEY), "care.facts"),
        ("command", commands.decode_command, "care.events"),
        ("rulebook", rulebooks.decode_publication, "care.events"),
        ("document", rulebooks.decode_document, "care.events"),
    ]
    return [
        Target(name=f"decode-{name}", check=partial(_decode, decode), seeds=_examples(topic))
        for name, decode, topic in decoders
    ]


TARGETS: Final[Mapping[str, Target]] = {
    target.name: target for target in (*_of_channels(), *_of_topics())
}
"""Every target by its name."""
