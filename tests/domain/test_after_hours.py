"""What comes outside of the opening hours, and what a bot answers of it."""

from carewatch.domain.rulebook import Document, QueueRules, Schedule, Tenant
from support.envelopes import event, message
from support.told import told


def schedule(name: str, monday: str) -> Schedule:
    return Schedule(
        schedule=name,
        version=1,
        effective_from="2020-01-01T00:00:00Z",
        timezone="UTC",
        weekly={"mon": [monday]},
    )


# The events begin at nine on a Monday.
RULES = Document(
    tenants={"acme": Tenant(schedule="day", queues={"night": QueueRules(schedule="night")})},
    schedules=[schedule("day", "09:01-17:00"), schedule("night", "00:00-09:01")],
)
EARLY, OPEN = message(59_999, id_="m1"), message(60_000, id_="m2")


def test_what_comes_before_the_hours_is_outside_and_the_first_instant_inside() -> None:
    counted = told([EARLY, OPEN], rules=RULES)

    assert counted["out_of_hours_share"] == {(): (1, 2)}
    assert counted["out_of_hours_bot_rate"] == {(): (0, 1)}


def test_a_queue_has_its_own_hours() -> None:
    entered = event("queue.entered", 0, id_="q", actor="system", queue={"name": "night"})

    assert told([entered, EARLY], rules=RULES)["out_of_hours_share"] == {(): (0, 1)}


def test_without_a_schedule_there_is_no_outside() -> None:
    assert "out_of_hours_share" not in told([EARLY])


def test_a_bot_that_answers_first_answers_all_that_waits() -> None:
    more = message(0, id_="m0")
    bot = message(70_000, id_="b", actor="bot")

    counted = told([more, EARLY, OPEN, bot, message(80_000, id_="b2", actor="bot")], rules=RULES)

    assert counted["out_of_hours_bot_rate"] == {(): (2, 2)}


def test_after_a_person_the_bot_answers_nothing() -> None:
    person = message(65_000, id_="p", actor="agent")
    bot = message(70_000, id_="b", actor="bot")

    assert told([EARLY, person, bot], rules=RULES)["out_of_hours_bot_rate"] == {(): (0, 1)}


def test_what_waits_ends_with_its_session() -> None:
    end = event(
        "conversation.status_changed", 61_000, id_="e", actor="agent", lifecycle={"to": "resolved"}
    )
    bot = message(70_000, id_="b", actor="bot")
    events = [EARLY, end, message(65_000, id_="m3"), bot]

    assert told(events, rules=RULES)["out_of_hours_bot_rate"] == {(): (0, 1)}


def test_a_deleted_message_counts_nowhere() -> None:
    gone = event("message.deleted", 61_000, id_="d", message={"key": "m_m1"})

    assert (
        not {"out_of_hours_share", "out_of_hours_bot_rate"}
        & told([EARLY, gone], rules=RULES).keys()
    )
