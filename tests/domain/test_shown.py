"""What of a count anybody can see."""

from msgspec.structs import replace

from carewatch.domain.facts import Labels, Sample, Tally
from carewatch.domain.shown import shown

LABELS = Labels("web", "web-1", "vip", "none", "normal", "a1", "u1", 2)


def test_counts_of_another_session_customer_or_team_are_the_same() -> None:
    other = replace(LABELS, team="sales", customer="u2", session=3, agent="a2")

    assert shown(Tally(LABELS, "bot_messages", 5)) == shown(Tally(other, "bot_messages", 5))


def test_counts_of_another_queue_or_instant_are_not() -> None:
    count = Tally(LABELS, "bot_messages", 5)

    assert shown(count) != shown(replace(count, labels=replace(LABELS, queue="sales")))
    assert shown(count) != shown(replace(count, at=6))


def test_counts_of_another_agent_differ_where_they_show_by_agent() -> None:
    other = replace(LABELS, agent="a2")
    replied = ("outbound", "agent")

    assert shown(Tally(LABELS, "reply_turns", 5)) != shown(Tally(other, "reply_turns", 5))
    assert shown(Tally(LABELS, "messages", 5, replied)) != shown(
        Tally(other, "messages", 5, replied)
    )


def test_a_record_is_told_apart_by_all_it_says() -> None:
    sample = Sample(LABELS, "reply_time", 1, 5)

    assert shown(sample) is sample
