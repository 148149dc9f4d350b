"""The check of shapes: agrees with msgspec on what is right, and lists everything that is wrong."""

from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carewatch.shape import decode, nearest
from carewatch.yamlfile import Mistake, YamlFile


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    text: str
    choice: Literal["a", "b"] = "a"
    flag: bool = False


class Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    number: Annotated[int, msgspec.Meta(ge=1, le=9)]
    inner: Inner | None = None
    many: list[Inner] = []
    names: tuple[str, ...] = ()
    table: dict[Literal["x", "y"], int] = {}


FILE = YamlFile("file.yaml", {}, {})
texts = st.sampled_from(["a", "b", "c", ""])
plain = st.none() | st.booleans() | st.integers(0, 10) | texts
inners = st.dictionaries(st.sampled_from(["text", "choice", "flag", "other"]), plain, max_size=4)
outers = st.fixed_dictionaries(
    {"number": st.integers(0, 10) | plain},
    optional={
        "inner": inners | plain,
        "many": st.lists(inners | plain, max_size=2) | plain,
        "names": st.lists(plain, max_size=2),
        "table": st.dictionaries(st.sampled_from(["x", "y", "z"]), plain, max_size=2),
        "other": plain,
    },
)


@given(outers)
def test_it_refuses_exactly_what_msgspec_refuses(value: dict[str, object]) -> None:
    mistakes: list[Mistake] = []
    try:
        expected = msgspec.convert(value, Outer)
    except msgspec.ValidationError:
        expected = None

    assert decode(FILE, value, (), Outer, mistakes) == expected
    assert (expected is None) == bool(mistakes)


def test_every_mistake_is_listed_with_its_place() -> None:
    mistakes: list[Mistake] = []

    decode(
        FILE,
        {
            "number": 10,
            "inner": {"text": 5, "choise": "a"},
            "many": [{"text": "t", "choice": "c"}, "x"],
            "names": "one",
            "table": {"z": 1, "x": True},
        },
        (),
        Outer,
        mistakes,
    )

    assert [(one.key, one.says) for one in mistakes] == [
        ("number", "10 is out of range; it must be 1 to 9"),
        ("inner.text", "expected text, got the number 5; write it in quotes"),
        ("inner.choise", 'unknown key; did you mean "choice"?'),
        ("many[0].choice", "'c' is not one of the choices; known: a, b"),
        ("many[1]", "expected keys and values, got 'x'"),
        ("names", "expected a list, got 'one'; write [a, b]"),
        ("table.z", "is not known here: 'z' is not one of the choices; known: x, y"),
        ("table.x", "expected a whole number, got true"),
    ]


@pytest.mark.parametrize(
    ("word", "known", "says"),
    [
        ("quue", ["queue", "team"], 'did you mean "queue"?'),
        ("xyz", ["queue", "team"], "known: queue, team"),
        ("xyz", [], "none is known"),
    ],
)
def test_the_nearest_known_word_is_offered(word: str, known: list[str], says: str) -> None:
    assert nearest(word, known) == says
