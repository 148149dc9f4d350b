"""Laws of the in-memory log under any history of transactions."""

from hypothesis import given
from hypothesis import strategies as st

from carewatch.engine.ports import Message
from support.fake_log import Partition
from support.two_stages.oracle import rows_of

PRODUCERS = (1, 2, 3)

steps = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(PRODUCERS), st.sampled_from("abc")),
    st.tuples(st.just("commit"), st.sampled_from(PRODUCERS), st.just("")),
    st.tuples(st.just("abort"), st.sampled_from(PRODUCERS), st.just("")),
    st.tuples(st.just("plain"), st.just(0), st.sampled_from("abc")),
)
histories = st.lists(steps, max_size=40)


def lived(history: list[tuple[str, int, str]]) -> Partition:
    place = Partition()
    for number, (step, producer, key) in enumerate(history):
        message = Message(key.encode(), str(number).encode())
        if step == "write":
            place.append(message, number, producer=producer, state="open")
        elif step == "plain":
            place.append(message, number, producer=None, state="plain")
        elif producer in place.open:
            place.settle(producer, number, commit=step == "commit")
    return place


@given(histories)
def test_compaction_changes_no_newest_value(history: list[tuple[str, int, str]]) -> None:
    place = lived(history)
    before = rows_of(place.records(0, place.end, committed_only=True))
    uncommitted = list(place.records(place.stable_end, place.end, committed_only=False))
    end, stable = place.end, place.stable_end
    place.compact(place.end)

    assert rows_of(place.records(0, place.end, committed_only=True)) == before
    assert (place.end, place.stable_end) == (end, stable)
    assert list(place.records(stable, end, committed_only=False)) == uncommitted


@given(histories)
def test_committed_records_never_change_once_they_were_seen(
    history: list[tuple[str, int, str]],
) -> None:
    """What a read_committed consumer has read is a prefix of all that it will ever read."""
    seen: list[object] = []
    for length in range(len(history) + 1):
        place = lived(history[:length])
        records = list(place.records(0, place.end, committed_only=True))

        assert records[: len(seen)] == seen
        seen = list(records)


@given(histories)
def test_nothing_open_or_aborted_is_read_committed(history: list[tuple[str, int, str]]) -> None:
    place = lived(history)
    kept = {e.offset for e in place.entries if e.state in {"plain", "committed"}}
    read = [r.offset for r in place.records(0, place.end, committed_only=True)]

    assert read == sorted(offset for offset in kept if offset < place.stable_end)
