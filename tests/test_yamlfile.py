"""YAML files: YAML 1.2, lines kept, and what hides mistakes refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carewatch.yamlfile import Mistake, read_yaml


def test_values_are_those_of_yaml_1_2_and_times_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: no\nb: 09:30\nc: 2026-12-24\nd: true\ne: 12\nf: null\ng: [1, 'x']\nh: 1.5")

    file = read_yaml(path, [])

    assert file is not None
    assert file.value == {
        "a": "no",
        "b": "09:30",
        "c": "2026-12-24",
        "d": True,
        "e": 12,
        "f": None,
        "g": [1, "x"],
        "h": "1.5",
    }


def test_a_mistake_names_the_line_of_its_key_or_of_what_should_hold_it(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("top:\n  list:\n    - a\n    - key: b\n")
    file = read_yaml(path, [])

    assert file is not None
    assert str(file.mistake(("top", "list", 1, "key"), "x")) == f"{path}:4: top.list[1].key: x"
    assert str(file.mistake(("top", "list", 1, "gone"), "x")) == f"{path}:4: top.list[1].gone: x"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "a: is given twice, first on line 1; keep one"),
        ("a: 1\nb: [1\n", 3, "is not YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: !!python/object:os.system x\n", 1, "a: tags are not used here; remove it"),
        ("a: &x\n  b: *x\n", 1, "a.b: this anchor contains itself; write the values out"),
        ("- 1\n", 1, "must hold keys and values at its top"),
        ("? [a]\n: 1\n", 1, "a key must be plain text"),
        ("a: 1\n---\nb: 1\n", 2, "is not YAML: but found another document"),
        ("a: \x07\n", 0, "is not YAML: it holds a character YAML forbids"),
    ],
)
def test_what_hides_mistakes_is_refused(tmp_path: Path, text: str, line: int, says: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    mistakes: list[Mistake] = []

    assert read_yaml(path, mistakes) is None
    assert [str(one) for one in mistakes] == [
        f"{path}:{line}: {says}" if line else f"{path}: {says}"
    ]


def test_a_file_that_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    mistakes: list[Mistake] = []

    for name in ("missing.yaml", "latin.yaml", "."):
        assert read_yaml(tmp_path / name, mistakes) is None

    assert [one.says for one in mistakes] == [
        "there is no such file",
        "cannot be read: it is not UTF-8 text",
        "cannot be read: Is a directory",
    ]


@given(st.binary())
def test_no_bytes_do_anything_but_read_or_report(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    mistakes: list[Mistake] = []

    file = read_yaml(path, mistakes)

    assert (file is None) == bool(mistakes)
