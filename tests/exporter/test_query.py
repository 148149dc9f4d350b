"""What a request may ask for, and what it is told otherwise."""

import pytest

from carewatch.exporter.query import LONGEST, only, read_query

KNOWN = ("view", "tenant", "channel")


def test_values_come_sorted_by_name_so_that_equal_questions_are_equal() -> None:
    query = read_query([("view", "sla"), ("channel", "web"), ("view", "speed")], KNOWN)

    assert list(query.items()) == [("channel", ("web",)), ("view", ("sla", "speed"))]


def test_token_is_passed_over() -> None:
    query = read_query([("token", "t"), ("token", "t"), ("view", "")], KNOWN)

    assert query == {"view": ("",)}


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ([("views", "sla")], "'views' is no parameter here; known: view, tenant, channel"),
        ([("tenant", "x" * (LONGEST + 1))], "tenant: longer than 200 characters; shorten it"),
    ],
)
def test_other_questions_are_refused_with_what_would_be_right(
    query: list[tuple[str, str]], says: str
) -> None:
    with pytest.raises(ValueError) as told:  # noqa: PT011 - the whole text is compared
        read_query(query, KNOWN)

    assert str(told.value) == says


def test_longest_value_is_taken() -> None:
    assert read_query([("view", "x" * LONGEST)], KNOWN) == {"view": ("x" * LONGEST,)}


def test_value_that_must_be_one_is_none_or_one() -> None:
    query = {"view": ("sla",), "tenant": ("a", "a")}

    assert (only(query, "channel"), only(query, "view")) == (None, "sla")
    with pytest.raises(ValueError, match="tenant: given more than once; give it once"):
        only(query, "tenant")
