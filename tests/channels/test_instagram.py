"""What only Instagram does."""

from dataclasses import replace
from pathlib import Path

from carewatch.channels.base import Secrets, Skip
from carewatch.channels.drafts import Draft
from carewatch.channels.instagram import ADAPTER
from carewatch.channels.verify import Verdict, verify
from support import hooks

FOLDER = Path(__file__).parent / "instagram"


def items(name: str, **changes: object) -> list[Draft | Skip]:
    account = replace(hooks.ACCOUNTS["instagram"], **changes)  # type: ignore[arg-type]
    request = hooks.request("instagram", (FOLDER / f"{name}.json").read_bytes())
    return list(ADAPTER.parse(request, account))


def drafts(name: str, **changes: object) -> list[Draft]:
    return [item for item in items(name, **changes) if isinstance(item, Draft)]


def test_unsending_is_told_as_text_or_flag_and_means_the_same() -> None:
    assert drafts("unsent") == drafts("unsent_told_as_text")


def test_an_unsent_message_is_the_one_that_was_sent() -> None:
    sent, unsent = drafts("text")[0], drafts("unsent")[0]

    assert (sent.message and sent.message.id) == (unsent.message and unsent.message.id)
    assert sent.key != unsent.key


def test_either_secret_of_the_two_products_proves_a_delivery() -> None:
    body = (FOLDER / "text.json").read_bytes()
    secrets = Secrets(signing=("of the Facebook app", "of the Instagram app"))
    verdicts = [
        verify(
            ADAPTER.verifiers,
            hooks.request("instagram", body, hooks.signature("instagram", body, secret=secret)),
            secrets,
            hooks.NOW,
        )
        for secret in (*secrets.signing, "of another app")
    ]

    assert verdicts == [Verdict.GENUINE, Verdict.GENUINE, Verdict.UNVERIFIED]


def test_without_a_match_every_account_of_the_app_is_taken_for_its_own() -> None:
    ours = drafts("text", match={})[0]
    theirs = drafts("another_account_of_the_same_app", match={})[0]

    assert ours.conversation != theirs.conversation


def test_an_entry_with_an_unknown_field_does_not_hide_its_siblings() -> None:
    assert [Skip(reason="unmapped", path="entry[0].messaging[0]")] == items("unknown_kind")
