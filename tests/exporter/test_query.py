"""What a request may ask for, and what it is told otherwise."""

import pytest

from carewatch.exporter.query import LONGEST, read_query

KNOWN = ("view", "tenant", "channel")


def test_values_come_sorted_by_name_so_that_equal_questions_are_equal() -> None:
    asked = read_query([("view", "sla"), ("channel", "web")], KNOWN)

    assert list(asked.items()) == [("channel", "web"), ("view", "sla")]


def test_token_is_passed_over() -> None:
    assert read_query([("token", "t"), ("token", "t"), ("view", "")], KNOWN) == {"view": ""}


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ([("vew", "sla")], "'vew' is no parameter here; known: view, tenant, channel"),
        ([("view", "a"), ("view", "a")], "view: given more than once; give it once"),
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
    assert read_query([("view", "x" * LONGEST)], KNOWN) == {"view": "x" * LONGEST}
