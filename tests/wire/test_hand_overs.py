"""The record of a hand-over: what track writes is what track reads, and everybody may know it."""

import json

import pytest

from carewatch.domain.events import Inherited, order
from carewatch.domain.facts import HandOver, Labels
from carewatch.domain.revisions import Revision
from carewatch.wire.events import Arrived, decode_event
from carewatch.wire.hand_overs import encode_hand_over, is_hand_over
from support.schemas import complaints

LABELS = Labels("whatsapp", "pn-1", "vip", "none", "urgent", "a1", "u1", 3)
HAND_OVER = HandOver(
    labels=LABELS, parent="c1", merge="e7", at=1_000, recorded=1_200, started_at=400, hops=2
)


def arrived(value: bytes) -> Arrived:
    decoded = decode_event(b"c1", value)
    assert isinstance(decoded, Arrived)
    return decoded


def inherited(value: bytes) -> Inherited:
    event = arrived(value).event
    assert isinstance(event, Inherited)
    return event


def test_the_parent_reads_what_the_child_wrote() -> None:
    event = inherited(encode_hand_over("acme", "c2", Revision(HAND_OVER, True, 1)))

    assert event == Inherited(
        at=1_000,
        id=event.id,
        recorded=1_200,
        channel="whatsapp",
        account="pn-1",
        customer="u1",
        child="c2",
        merge="e7",
        revision=1,
        started_at=400,
        hops=2,
    )


def test_what_is_taken_back_has_no_start() -> None:
    event = inherited(encode_hand_over("acme", "c2", Revision(HAND_OVER, False, 2)))

    assert (event.started_at, event.revision) == (None, 2)


@pytest.mark.parametrize("customer", ["u1", None])
@pytest.mark.parametrize("stands", [True, False])
def test_the_record_is_valid(customer: str | None, stands: bool) -> None:
    labels = Labels("web", "web-1", "none", "none", "normal", None, customer, 1)
    one = HandOver(labels, "c1", "e7", 1_000, 1_200, 400, 1)
    value = json.loads(encode_hand_over("acme", "c2", Revision(one, stands, 1)))

    assert complaints("care.events.v1", value) == []


def test_every_revision_of_a_merge_is_another_event_at_the_same_place() -> None:
    """An event between them in R5 would see one of them before it and the other after it."""
    values = [encode_hand_over("acme", "c2", Revision(HAND_OVER, True, n)) for n in (1, 2, 10)]
    between = [order(inherited(value))[-1].partition(".")[0] for value in values]

    assert len({arrived(value).identity for value in values}) == 3
    assert len(set(between)) == 1


@pytest.mark.parametrize(("tenant", "child"), [("globex", "c2"), ("acme", "c3")])
def test_other_merges_have_other_ids(tenant: str, child: str) -> None:
    revision = Revision(HAND_OVER, True, 1)
    one, other = (
        inherited(encode_hand_over(*named, revision)) for named in (("acme", "c2"), (tenant, child))
    )

    assert one.id != other.id


def test_a_start_after_the_merge_is_taken_at_the_merge() -> None:
    late = HandOver(LABELS, "c1", "e7", 1_000, 1_200, 1_700, 1)

    assert inherited(encode_hand_over("acme", "c2", Revision(late, True, 1))).started_at == 1_000


def test_a_hand_over_is_told_from_what_only_speaks_of_one() -> None:
    value = encode_hand_over("acme", "c2", Revision(HAND_OVER, True, 1))
    quoting = b'{"type": "care.other", "note": "care.conversation.turn_inherited"}'

    assert [is_hand_over(one) for one in (value, quoting, b"care.conversation.turn_inherited")] == [
        True,
        False,
        False,
    ]
    assert not is_hand_over(None)
