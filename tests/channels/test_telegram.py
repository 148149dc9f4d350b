"""What only Telegram does."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from carewatch.channels.base import Skip
from carewatch.channels.drafts import Draft
from carewatch.channels.telegram import ADAPTER
from support import hooks
from support.measured import samples_of

FOLDER = Path(__file__).parent / "telegram"


def items(name: str, **changes: object) -> list[Draft | Skip]:
    account = replace(hooks.ACCOUNTS["telegram"], **changes)  # type: ignore[arg-type]
    request = hooks.request("telegram", (FOLDER / f"{name}.json").read_bytes())
    return list(ADAPTER.parse(request, account))


def drafts(name: str, **changes: object) -> list[Draft]:
    return [item for item in items(name, **changes) if isinstance(item, Draft)]


@pytest.mark.parametrize("name", ["button", "vote", "business_deleted"])
def test_what_states_no_time_happened_when_it_arrived(name: str) -> None:
    for draft in drafts(name):
        assert (draft.occurred.at, draft.occurred.quality) == (hooks.NOW, "arrival")


def test_each_message_of_a_list_of_deletions_is_deleted() -> None:
    deleted = drafts("business_deleted")
    written = drafts("business_customer")[0], drafts("business_bot")[0]

    assert [one.message and one.message.id for one in deleted] == [
        one.message and one.message.id for one in written
    ]
    assert len({one.key for one in deleted}) == 2


def test_an_edit_names_the_message_that_was_written() -> None:
    written, edited = drafts("text")[0], drafts("edited")[0]

    assert (edited.message and edited.message.id) == (written.message and written.message.id)
    assert edited.occurred.at - written.occurred.at == 20_000


def test_the_chat_with_a_bot_and_that_with_a_business_are_two_conversations() -> None:
    """Although the chat has the number of the person in both."""
    with_bot, with_business = drafts("text")[0], drafts("business_customer")[0]

    assert with_bot.conversation != with_business.conversation
    assert with_bot.customer == with_business.customer


def test_a_topic_of_a_group_is_a_conversation_and_a_thread_of_replies_is_none() -> None:
    topic, thread, whole = (
        drafts(name)[0].conversation
        for name in ("group_topic", "group_thread_without_topic", "group_anonymous_admin")
    )

    assert topic != whole
    assert thread == whole


def test_a_message_of_a_topic_does_not_answer_the_message_that_made_the_topic() -> None:
    question, answer = drafts("group_topic")[0].message, drafts("group_agent")[0].message

    assert question is not None
    assert answer is not None
    assert question.in_reply_to is None
    assert answer.in_reply_to == question.id


@pytest.mark.parametrize(("agents", "kind"), [("7001122334", "agent"), ("1,2", "customer")])
def test_the_account_says_which_members_of_a_group_answer(agents: str, kind: str) -> None:
    assert drafts("group_agent", options={"agents": agents})[0].actor.kind == kind


def test_the_number_of_an_update_orders_what_happened_in_the_same_second() -> None:
    document = json.loads((FOLDER / "text.json").read_text())
    document["update_id"] += 1
    later = hooks.parse("telegram", json.dumps(document).encode())
    first = drafts("text")[0]

    assert isinstance(later[0], Draft)
    assert (first.provider_seq, later[0].provider_seq) == ("843156790", "843156791")
    assert first.key != later[0].key


def test_another_business_connection_is_another_account() -> None:
    assert items("another_business") == [Skip(reason="wrong_account", path="body.business_message")]
    assert len(drafts("another_business", match={})) == 1


def test_a_conversation_of_a_business_is_measured() -> None:
    """Asked at 10:00:40; the away message of :42 answers nothing; Bob at 10:01:30."""
    assert samples_of(
        "telegram", "business_customer", "business_away_message", "business_owner", "business_bot"
    ) == {
        "first_response_time": [50_000],
        "first_response_time_any": [50_000],
        "reply_time": [50_000],
        "queue_wait_time": [50_000],
    }


def test_an_answer_in_a_group_is_measured() -> None:
    assert samples_of("telegram", "group_topic", "group_agent")["first_response_time"] == [70_000]


def test_a_group_that_becomes_a_supergroup_keeps_its_open_question() -> None:
    """Asked in the old group at 09:59:50, moved at 10:00:10, answered in the new one at :40."""
    samples = samples_of("telegram", "group_before_the_move", "group_moved", "group_after_the_move")

    assert samples["first_response_time"] == [50_000]


def test_direct_messages_to_a_channel_are_one_conversation_for_each_person() -> None:
    """Asked at 10:03:20, answered at 10:04:05 by an administrator in the channel's name."""
    question, answer = (
        drafts(name)[0]
        for name in ("direct_message_to_a_channel", "answer_in_the_name_of_a_channel")
    )
    samples = samples_of(
        "telegram", "direct_message_to_a_channel", "answer_in_the_name_of_a_channel"
    )

    assert question.conversation == answer.conversation
    assert question.customer == answer.customer
    assert samples["first_response_time"] == [45_000]
