"""The accounts that may be written to: what verifies each, what it may say, how it is hidden."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from carewatch.channels.base import Account, ChannelAdapter, Secrets
from carewatch.channels.verify import Hmac, Special
from carewatch.domain.errors import ConfigError
from carewatch.gateway.pseudonyms import Pseudonyms, pseudonyms_of
from carewatch.gateway.rate import TokenBucket
from carewatch.settings import AccountSettings, Settings

_ADDRESS: Final = re.compile(r"https?://[^/?#\s]+(?:/[^?#\s]*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """An account that may be written to: what verifies it, what it may say, how it is hidden."""

    channel: ChannelAdapter
    account: Account
    secrets: Secrets = field(repr=False)
    hide: Pseudonyms = field(repr=False)
    spool: bool = True
    """Whether its events may wait on disk while Kafka is away; else the provider keeps them."""
    rate: TokenBucket | None = None
    keeps_text: bool = False
    """Whether what its customers write goes to `care.text`."""


def doors_of(settings: Settings, channels: Sequence[ChannelAdapter]) -> dict[tuple[str, str], Door]:
    """Every configured account by (channel, account).

    Raises ConfigError for an unknown channel, an account that could verify nobody, a secret that
    the channel's scheme cannot use, or a scheme that signs the public address while none is
    configured: a door without a lock never opens.
    """
    by_name = {channel.name: channel for channel in channels}
    doors: dict[tuple[str, str], Door] = {}
    for account in settings.accounts:
        where = f"accounts: {account.channel}/{account.account}"
        channel = by_name.get(account.channel)
        if channel is None:
            raise ConfigError(
                f"{where}: channel {account.channel!r} is unknown; known are {', '.join(by_name)}"
            )
        secrets = _usable(where, channel, account)
        if _signs_url(channel):
            _check_public_address(where, channel, settings.gateway.public_base_url)
        doors[account.channel, account.account] = Door(
            channel=channel,
            account=Account(
                tenant=account.tenant,
                channel=account.channel,
                account_ref=account.account,
                match=account.match,
                options=account.options,
                messages_from=account.messages_from,
                lifecycle_from=account.lifecycle_from,
                api_sender=account.api_sender,
                rate_limit_per_second=account.rate_limit_per_second,
            ),
            secrets=secrets,
            hide=pseudonyms_of(settings.privacy, account.tenant, account.channel, account.account),
            spool=account.spool,
            rate=_rate_of(account),
            keeps_text=account.tenant in settings.privacy.text_tenants,
        )
    return doors


def _rate_of(account: AccountSettings) -> TokenBucket | None:
    per_second = account.rate_limit_per_second
    return TokenBucket(per_second, account.rate_burst or per_second) if per_second else None


def _usable(where: str, channel: ChannelAdapter, account: AccountSettings) -> Secrets:
    signing = tuple(secret.reveal() for secret in account.secrets)
    token = account.verify_token.reveal() if account.verify_token else None
    if not any(signing) and not token:
        raise ConfigError(
            f"{where}: no secret, so nobody could be verified; set secrets to a reference"
            " (env:NAME, file:path) to the provider's signing secret"
        )
    for verifier in channel.verifiers:
        for secret in signing:
            try:
                usable = not isinstance(verifier, Hmac) or bool(verifier.key(secret))
            except ValueError:
                usable = False
            if not usable:
                raise ConfigError(
                    f"{where}: a secret has not the form that {channel.name} uses (for generic:"
                    " base64, with or without whsec_ in front)"
                )
    return Secrets(signing=signing, token=token)


def _check_public_address(where: str, channel: ChannelAdapter, address: str | None) -> None:
    """Refuses an address that no provider can have signed."""
    remedy = "set it to the address that you give the provider, up to /hooks (https://care.example)"
    if address is None:
        raise ConfigError(
            f"{where}: gateway.public_base_url is not set, and {channel.name} signs the address"
            f" it posts to; {remedy}"
        )
    if not _ADDRESS.fullmatch(address):
        raise ConfigError(
            f"{where}: gateway.public_base_url {address!r} is no address that {channel.name} could"
            f" sign; {remedy}"
        )


def _signs_url(channel: ChannelAdapter) -> bool:
    """Whether the gateway must know its own public address to verify this channel."""
    return any(isinstance(one, Special) and one.signs_url for one in channel.verifiers)
