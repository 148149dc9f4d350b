"""The accounts that traffic is sent to: the gateway's own, or samples for a recording."""

from typing import Final

from carewatch.domain.errors import ConfigError
from carewatch.settings import AccountSettings, Settings
from carewatch.simulate.request import Adapter, Door

SAMPLE_DOORS: Final = (
    Door(
        adapter="generic",
        account="web-1",
        tenant="acme",
        secret="whsec_c2ltdWxhdGVkLXdlYi1jaGF0LXNlY3JldA==",  # noqa: S106 - a sample, for recordings
        provider_account="",
    ),
    Door(
        adapter="chatwoot",
        account="support",
        tenant="acme",
        secret="simulated-chatwoot-secret",  # noqa: S106 - a sample, for recordings
        provider_account="7",
    ),
    Door(
        adapter="whatsapp",
        account="sales",
        tenant="acme",
        secret="simulated-whatsapp-secret",  # noqa: S106 - a sample, for recordings
        provider_account="106540352242922",
    ),
)
"""One account of each kind, as `deploy/config` names them; the secrets are public."""

_NAMED_IN_BODY: Final[dict[Adapter, str | None]] = {
    "generic": None,
    "chatwoot": "account_id",
    "whatsapp": "phone_number_id",
}


def doors_of(settings: Settings) -> tuple[Door, ...]:
    """The accounts of the channels that can be simulated.

    Raises ConfigError when there is none, or when one does not say which account of the provider
    it is (`match`) or how replies are to be seen, since then no honest payload can be written.
    """
    doors = [door for account in settings.accounts if (door := _door(account)) is not None]
    if not doors:
        raise ConfigError(
            "accounts: none is of a channel that can be simulated "
            f"({', '.join(_NAMED_IN_BODY)}); add one to carewatch.yaml"
        )
    return tuple(doors)


def _door(account: AccountSettings) -> Door | None:
    name = f"accounts: {account.channel}/{account.account}"
    for adapter, key in _NAMED_IN_BODY.items():
        if adapter != account.channel:
            continue
        if key is not None and not account.match.get(key):
            raise ConfigError(f"{name}: match.{key} is missing; simulated payloads must name it")
        if adapter == "whatsapp" and account.messages_from != "whatsapp":
            raise ConfigError(
                f"{name}: messages_from must be whatsapp, since only `sent` statuses are simulated"
            )
        if not account.secrets and key is None:
            return None  # a generic one that takes a token: whoever uses it signs nothing
        if not account.secrets:
            raise ConfigError(f"{name}: has no secret to sign with; name one as env: or file:")
        return Door(
            adapter=adapter,
            account=account.account,
            tenant=account.tenant,
            secret=account.secrets[0].reveal(),
            provider_account=account.match[key] if key is not None else "",
        )
    return None
