"""What a merge says, and what it becomes in the parent: the parts that no topic shows (E14)."""

from carewatch.domain import ledger
from carewatch.domain.events import Author, Event, Inherited, Merged, Message
from carewatch.domain.facts import HandOver, Tally
from carewatch.domain.ledger import Change
from carewatch.domain.memory import Memory
from carewatch.domain.policy import Books
from carewatch.domain.revisions import revisions

BOOKS = Books()


def asked(at: int) -> Message:
    return Message(
        at=at, id=f"q{at}", recorded=at, channel="web", account="w1", key=f"m{at}",
        author=Author.CUSTOMER, direction="inbound",
    )  # fmt: skip


def answered(at: int) -> Message:
    return Message(
        at=at, id=f"r{at}", recorded=at, channel="web", account="w1", key=f"m{at}",
        author=Author.PERSON, direction="outbound", agent="a1",
    )  # fmt: skip


def merged(at: int) -> Merged:
    return Merged(at=at, id=f"merge{at}", recorded=at, channel="web", account="w1", into="c1")


def inherited(at: int, since: int | None, *, revision: int = 1, hops: int = 1) -> Inherited:
    return Inherited(
        at=at, id=f"i{at}.{revision}", recorded=at, channel="web", account="w1",
        child="c2", merge="merge", revision=revision, started_at=since, hops=hops,
    )  # fmt: skip


def take(memory: Memory, *events: Event, clock: int = 0, keep: int = 512) -> list[Change]:
    """What each event changes, one after the other."""
    changes: list[Change] = []
    for event in events:
        now = max(clock, event.at, memory.recorded)
        changes += ledger.accept(memory, event, now, BOOKS, keep=keep)
    return changes


def opened(changes: list[Change]) -> list[tuple[int, int]]:
    """The counts of opened turns, and the instants at which they stand."""
    return [
        (change.sign, change.result.at)
        for change in changes
        if isinstance(change.result, Tally) and change.result.metric == "turns_opened"
    ]


def test_an_inherited_turn_counts_as_opened_at_its_own_start() -> None:
    assert opened(take(ledger.new_memory("acme", "c1"), inherited(9, 2))) == [(1, 2)]


def test_a_turn_that_began_earlier_counts_as_opened_then() -> None:
    changes = take(ledger.new_memory("acme", "c1"), asked(5), inherited(9, 2), inherited(9, 2))

    assert opened(changes) == [(1, 5), (-1, 5), (1, 2)]


def test_a_child_whose_turn_moved_away_did_not_open_one() -> None:
    assert opened(take(ledger.new_memory("acme", "c2"), asked(5), merged(9))) == [(1, 5), (-1, 5)]


def test_the_start_that_counts_says_how_often_it_was_handed_over() -> None:
    memory = ledger.new_memory("acme", "c1")
    changes = take(memory, asked(5), inherited(8, 2, hops=4), merged(9))
    (said,) = [change.result for change in changes if isinstance(change.result, HandOver)]

    assert (said.started_at, said.hops) == (2, 5)


def test_an_own_start_was_never_handed_over() -> None:
    memory = ledger.new_memory("acme", "c1")
    changes = take(memory, asked(5), inherited(8, 6, hops=4), merged(9))
    (said,) = [change.result for change in changes if isinstance(change.result, HandOver)]

    assert (said.started_at, said.hops) == (5, 1)


def test_revisions_of_one_merge_are_numbered_and_the_last_word_counts() -> None:
    memory = ledger.new_memory("acme", "c2")
    told = [
        [(one.number, one.stands, one.hand_over.started_at) for one in revisions(memory, changes)]
        for changes in (
            take(memory, asked(5)),
            take(memory, merged(9)),
            take(memory, asked(3), clock=12),
            take(memory, answered(7), clock=12),
        )
    ]

    assert told == [[], [(1, True, 5)], [(2, True, 3)], [(3, False, 3)]]


def test_a_second_merge_has_revisions_of_its_own() -> None:
    memory = ledger.new_memory("acme", "c2")
    numbers = [
        (one.hand_over.merge, one.number)
        for event in (asked(1), merged(2), asked(3), merged(4))
        for one in revisions(memory, take(memory, event))
    ]

    assert numbers == [("merge2", 1), ("merge4", 1)]


def test_the_revisions_of_a_merge_that_is_final_are_forgotten() -> None:
    memory = ledger.new_memory("acme", "c2")
    for event in (asked(1), merged(2)):
        revisions(memory, take(memory, event, keep=2))
    assert memory.handed == {"merge2": 1}

    take(memory, *(asked(at) for at in range(3, 40)), keep=2)

    assert memory.handed == {}


def test_only_the_newest_revision_stays_in_the_history() -> None:
    memory = ledger.new_memory("acme", "c1")
    newest = inherited(9, None, revision=3)
    take(memory, inherited(9, 2), newest, inherited(9, 5, revision=2), clock=12)

    assert list(memory.events) == [newest]
    assert memory.state.session is None
