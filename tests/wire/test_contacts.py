"""Whatever surveys, calls, contact centres and models say within the contract, nothing raises."""

from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.events import Annotated, CallPhase, Rated, Stated, Summarised, Surveyed
from carewatch.wire.customers import Erased
from carewatch.wire.envelope import Annotation, Call, Csat
from carewatch.wire.events import Arrived, decode_event
from support.envelopes import encode, event

HUGE = st.integers(-(2**60), 2**60)
MAYBE = st.none() | HUGE
TEXT = st.none() | st.text(max_size=4)


def values(struct: Any, field: str) -> st.SearchStrategy[str]:
    """The values of a list of the contract."""
    return st.sampled_from(get_args(struct.__annotations__[field]))


def decoded(kind: str, **sections: Any) -> Any:
    arrived = decode_event(b"c1", encode(event(kind, 0, id_="e1", **sections)))
    assert isinstance(arrived, Arrived)
    return arrived.event


@given(
    csat=st.fixed_dictionaries(
        {
            "phase": values(Csat, "phase"),
            "instrument": values(Csat, "instrument"),
            "scale_min": HUGE,
            "scale_max": HUGE,
            "score": MAYBE,
            "score_norm": MAYBE,
            "survey_key": TEXT,
        }
    )
)
def test_a_rating_is_on_the_scale_or_none(csat: dict[str, Any]) -> None:
    rated = decoded("conversation.rated", csat=csat)
    asked = decoded("conversation.survey_requested", csat=csat)

    assert rated is None or (isinstance(rated, Rated) and 0 <= rated.score <= 1000)
    assert asked is None or isinstance(asked, Surveyed)


@given(
    spent=st.fixed_dictionaries(
        {"replaces_key": st.text(max_size=4), "precision_ms": HUGE, "talk_ms": MAYBE},
        optional={"hold_ms": MAYBE, "acw_ms": MAYBE, "handle_ms": MAYBE},
    )
)
def test_no_summary_says_less_than_nothing(spent: dict[str, Any]) -> None:
    summed_up = decoded("interaction.summary", summary=spent)

    assert summed_up is None or (isinstance(summed_up, Summarised) and summed_up.handle_ms >= 0)


@given(
    call=st.fixed_dictionaries(
        {"call_key": st.text(max_size=4), "phase": values(Call, "phase"), "leg_key": TEXT},
        optional={"disconnect_by": TEXT, "outcome": TEXT},
    )
)
def test_every_phase_of_a_call_is_one(call: dict[str, Any]) -> None:
    assert isinstance(decoded("call.phase", call=call), CallPhase)


@given(
    notes=st.lists(
        st.fixed_dictionaries(
            {"kind": values(Annotation, "kind"), "label": st.text(max_size=4)},
            optional={"score": MAYBE, "model": TEXT, "model_version": TEXT},
        ),
        max_size=4,
    )
)
def test_of_annotations_only_mood_topic_and_language_are_read(notes: list[dict[str, Any]]) -> None:
    found = decoded("message.annotated", message={"key": "m1"}, annotations=notes)

    read = [note["kind"] for note in notes if note["kind"] != "intent"]
    assert (found is None) == (not read)
    assert read == ([note.kind for note in found.notes] if isinstance(found, Annotated) else [])


def test_what_carries_nothing_may_still_state_the_priority() -> None:
    expired = {"phase": "expired", "instrument": "csat", "scale_min": 1, "scale_max": 5}

    found = decoded("conversation.rated", csat=expired, priority="urgent")

    assert isinstance(found, Stated)
    assert found.priority == "urgent"


def test_who_is_erased_is_erased_under_every_identifier_that_is_named() -> None:
    arrived = decode_event(
        b"customer:u1",
        encode(
            event(
                "customer.erased",
                0,
                id_="e1",
                key="customer:u1",
                customer_key="u1",
                external_refs=[
                    {"system": "whatsapp", "kind": "customer", "key": "u2"},
                    {"system": "crm", "kind": "contact", "key": "x"},
                    {"system": "crm", "kind": "customer", "key": "u1"},
                ],
            )
        ),
    )

    assert isinstance(arrived, Arrived)
    assert [one.customer for one in arrived.of_customers] == ["u1", "u2"]
    assert all(isinstance(one, Erased) for one in arrived.of_customers)
