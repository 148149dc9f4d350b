"""Two sources tell of the same conversations, and nobody has said whose word counts."""

import msgspec
import pytest

from carewatch.channels.outcomes import RequestOutcome
from carewatch.settings import AccountSettings, Settings
from carewatch.wire.envelope import decode_envelope
from support import hooks
from support.receiving import SETTINGS, Lab, body_of

SERVED = "wamid.HBgNNDkxNTExMjM0NTY3OBUCABIYFDNB"
"""What Chatwoot says of its message: its name at WhatsApp."""


def account(channel: str, **changes: str | None) -> AccountSettings:
    found = next(one for one in SETTINGS.accounts if one.channel == channel)
    return msgspec.structs.replace(found, messages_from=None, **changes)


def lab(*accounts: AccountSettings) -> Lab:
    return Lab(Settings(accounts=accounts, privacy=hooks.PRIVACY))


UNSAID = (account("whatsapp"), account("chatwoot"))


def message(wamid: str = SERVED) -> tuple[str, bytes]:
    channel, body = body_of("whatsapp/text")
    return channel, body.replace(b"wamid.HBgNNDkxNTExMjM0NTY3OBUCABIY0001", wamid.encode())


def of_the_helpdesk(*, refers: bool = True) -> tuple[str, bytes]:
    channel, body = body_of("chatwoot/customer_photo_on_whatsapp")
    return channel, body if refers else body.replace(SERVED.encode(), b"")


def sources(lab: Lab) -> list[str]:
    return [decode_envelope(record.value).source for record in lab.events.records]


def overlaps(lab: Lab) -> float | None:
    return lab.registry.get_sample_value("care_authority_overlap_total", {"channel": "whatsapp"})


async def test_the_helpdesks_word_counts_once_it_told_of_the_same_message() -> None:
    gateway = lab(*UNSAID)

    await gateway.post(*of_the_helpdesk())
    assert await gateway.post(*message()) == RequestOutcome.IGNORED
    assert await gateway.post(*message("wamid.the-next")) == RequestOutcome.IGNORED
    assert sources(gateway) == ["/care/acme/chatwoot/cw-1"]
    assert overlaps(gateway) == 2
    assert gateway.items("whatsapp") == {"other_authority": 2}


async def test_whoever_tells_first_the_overlap_is_seen() -> None:
    """What was told before it showed is in the log; from then on the helpdesk is alone."""
    gateway = lab(*UNSAID)

    assert await gateway.post(*message()) == RequestOutcome.PUBLISHED
    await gateway.post(*of_the_helpdesk())
    assert await gateway.post(*message("wamid.the-next")) == RequestOutcome.IGNORED
    assert sources(gateway) == ["/care/acme/whatsapp/wa-1", "/care/acme/chatwoot/cw-1"]
    assert overlaps(gateway) == 1


async def test_delivery_statuses_go_on_counting() -> None:
    """A helpdesk does not tell of them."""
    gateway = lab(*UNSAID)
    await gateway.post(*of_the_helpdesk())
    await gateway.post(*message())

    assert await gateway.post(*body_of("whatsapp/statuses_out_of_order")) == (
        RequestOutcome.PUBLISHED
    )


async def test_a_helpdesk_that_refers_to_nothing_is_taken_at_its_channel() -> None:
    gateway = lab(*UNSAID)

    assert await gateway.post(*message("wamid.before")) == RequestOutcome.PUBLISHED
    await gateway.post(*of_the_helpdesk(refers=False))
    assert await gateway.post(*message()) == RequestOutcome.IGNORED


async def test_of_two_numbers_only_the_one_that_is_served_falls_silent() -> None:
    gateway = lab(*UNSAID, account("whatsapp", account="wa-2"))
    other = message("wamid.of-the-other-number")

    assert await gateway.post(*other, account="wa-2") == RequestOutcome.PUBLISHED
    assert await gateway.post(*message("wamid.before")) == RequestOutcome.PUBLISHED
    await gateway.post(*of_the_helpdesk(refers=False))
    await gateway.post(*of_the_helpdesk())
    assert await gateway.post(*message()) == RequestOutcome.IGNORED
    assert await gateway.post(*message("wamid.again"), account="wa-2") == RequestOutcome.PUBLISHED


async def test_another_tenants_helpdesk_says_nothing_about_it() -> None:
    privacy = msgspec.structs.replace(
        hooks.PRIVACY,
        customer_keys=hooks.PRIVACY.customer_keys | {"globex": hooks.PRIVACY.customer_keys["acme"]},
        agent_keys=hooks.PRIVACY.agent_keys | {"globex": hooks.PRIVACY.agent_keys["acme"]},
    )
    accounts = (account("whatsapp"), account("chatwoot", tenant="globex"))
    gateway = Lab(Settings(accounts=accounts, privacy=privacy))

    await gateway.post(*message("wamid.before"))
    await gateway.post(*of_the_helpdesk(refers=False))
    assert await gateway.post(*message()) == RequestOutcome.PUBLISHED


async def test_what_is_said_is_never_overruled() -> None:
    said = msgspec.structs.replace(account("whatsapp"), messages_from="whatsapp")
    gateway = lab(said, account("chatwoot"))

    await gateway.post(*of_the_helpdesk())
    assert await gateway.post(*message()) == RequestOutcome.PUBLISHED
    assert overlaps(gateway) == 0


def test_the_start_names_both_accounts_and_what_to_set(caplog: pytest.LogCaptureFixture) -> None:
    lab(*UNSAID)

    [warning] = caplog.messages
    for word in ("whatsapp/wa-1", "chatwoot/cw-1", "acme", "messages_from", "lifecycle_from"):
        assert word in warning


async def test_accounts_that_match_the_same_are_about_the_same_from_the_start() -> None:
    number = {"phone_number_id": "1065"}
    desk = msgspec.structs.replace(account("chatwoot"), match=number)
    gateway = lab(account("whatsapp"), desk)

    assert await gateway.post(*message()) == RequestOutcome.IGNORED
    assert overlaps(gateway) == 1


def test_where_it_is_said_the_start_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    said = msgspec.structs.replace(account("whatsapp"), messages_from="chatwoot")
    lab(said, account("chatwoot"))
    lab(account("whatsapp"))

    assert caplog.messages == []
