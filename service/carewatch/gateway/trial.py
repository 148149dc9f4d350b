"""A channel tried out by hand: what a payload means, and a payload posted as its provider would.

Nothing here is part of the receiver. It reads and signs by the same adapters, so what it shows is
what the gateway does.
"""

import secrets as entropy
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import aiohttp

from carewatch.channels.base import Account, ChannelAdapter, RawRequest, Secrets, Skip
from carewatch.channels.signing import prove, with_query
from carewatch.domain.errors import InvalidRecord, Retryable
from carewatch.gateway.authority import speaks_for
from carewatch.gateway.doors import Door
from carewatch.gateway.normalise import normalise
from carewatch.gateway.pseudonyms import pseudonyms_of
from carewatch.settings import PrivacySettings, Secret, Settings
from carewatch.wire.envelope import Envelope

_TIMEOUT: Final = aiohttp.ClientTimeout(total=30)

Meaning = Envelope | Skip


def sample_door(channel: ChannelAdapter) -> Door:
    """A door of no configuration: it matches every account, and its keys are of this run alone."""
    privacy = PrivacySettings(
        customer_keys={"example": Secret(entropy.token_hex(32))},
        agent_keys={"example": Secret(entropy.token_hex(32))},
    )
    return Door(
        channel=channel,
        account=Account(tenant="example", channel=channel.name, account_ref="example"),
        secrets=Secrets(signing=(entropy.token_hex(32),)),
        hide=pseudonyms_of(privacy, "example", channel.name, "example"),
    )


def signed_request(door: Door, settings: Settings, body: bytes, at: int) -> RawRequest:
    """The request with which the provider would bring `body` at `at` (ms UTC).

    Raises ConfigError when the account has no secret to sign with.
    """
    path = f"/hooks/{door.channel.name}/{door.account.account_ref}"
    base = (settings.gateway.public_base_url or "").rstrip("/")
    kind = "application/json" if is_json(body) else "application/x-www-form-urlencoded"
    bare = RawRequest(
        method="POST",
        url=path,
        public_url=base + path,
        headers={"content-type": kind},
        body=body,
        received_at=at,
    )
    proof = prove(door.channel.verifiers, bare, door.secrets)
    return replace(
        bare,
        public_url=with_query(bare.public_url, proof.query),
        headers={**bare.headers, **proof.headers},
        query=proof.query,
    )


def is_json(body: bytes) -> bool:
    """Whether a body is meant as JSON; the only other form that providers send is a form."""
    return body.lstrip()[:1] in (b"{", b"[")


def meanings(door: Door, request: RawRequest) -> Iterator[Meaning]:
    """What the gateway would make of a genuine request, item by item, in its order.

    Raises InvalidRecord when the body as a whole cannot be read.
    """
    for item in door.channel.parse(request, door.account):
        if isinstance(item, Skip):
            yield item
        elif not speaks_for(door.account, item.type):
            yield Skip(reason="ignored", path=f"{item.type}: another source speaks for it")
        else:
            try:
                yield normalise(item, door.channel, door.account, door.hide, request.received_at)
            except InvalidRecord:
                yield Skip(reason="schema", path=item.type)


async def post(request: RawRequest, gateway: str) -> tuple[int, str]:
    """Posts a signed request to a gateway; its status and what it said.

    Raises Retryable when the gateway cannot be reached.
    """
    url = gateway.rstrip("/") + request.url
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.post(
                url, data=request.body, headers=dict(request.headers), params=list(request.query)
            ) as answer,
        ):
            return answer.status, await answer.text()
    except (aiohttp.ClientError, TimeoutError) as error:
        # The text of the error may quote the URL, and the URL a token.
        raise Retryable(
            f"no answer from a gateway at {gateway}: {type(error).__name__}. Remedy: start one with"
            " carewatch gateway, or name another with --gateway"
        ) from error
