"""No document names a command or an option that the command line does not have."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from carewatch.cli import main
from support.documents import DOCUMENTS, ROOT, commands

WRITTEN = [
    pytest.param(said, whole, id=f"{path.relative_to(ROOT)}: {said}")
    for path in DOCUMENTS
    for said, whole in dict.fromkeys(commands(path))
]


def is_placeholder(word: str) -> bool:
    """Whether the reader puts something of their own in its place: `FILE`, `<name>`, `...`."""
    return word.isupper() or word[0] in "<$." or word == "{}"


def mistakes(said: str, *, whole: bool) -> list[str]:
    """What the command line would refuse; of a command that is only mentioned, parts may lack."""
    words = shlex.split(said, comments=True)[1:]
    command: click.Command = main
    context = click.Context(main, info_name="carewatch")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0)
        if is_placeholder(name):
            return []
        found = command.get_command(context, name)
        if found is None:
            return [f"there is no command {name!r}"]
        command, context = found, click.Context(found, parent=context, info_name=name)
    if isinstance(command, click.Group):
        return ["a subcommand is missing"] if whole and "--help" not in words else []
    return list(_of_parameters(command, context, words, whole=whole))


def _of_parameters(
    command: click.Command, context: click.Context, words: list[str], *, whole: bool
) -> Iterator[str]:
    options = {name: one for one in command.get_params(context) for name in one.opts}
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    given: list[click.Parameter] = []
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if not word.startswith("--"):
            if not arguments:
                yield f"{word!r} is one argument too many"
                return
            argument = arguments.pop(0)
            given.append(argument)
            yield from _of_value(argument, context, word)
            continue
        option = options.get(name)
        if not isinstance(option, click.Option):
            yield f"there is no option {name}"
            return
        given.append(option)
        if option.is_flag:
            continue
        if not equals and not words:
            yield f"{name} needs a value"
            return
        yield from _of_value(option, context, value if equals else words.pop(0))
    if whole and not any(one.name == "help" for one in given):
        for parameter in command.params:
            if parameter.required and parameter not in given:
                yield f"{parameter.human_readable_name} is missing"


def _of_value(parameter: click.Parameter, context: click.Context, value: str) -> Iterator[str]:
    if is_placeholder(value) or not isinstance(parameter.type, click.Choice | click.IntRange):
        return
    try:
        parameter.type.convert(value, parameter, context)
    except click.BadParameter as error:
        yield f"{parameter.human_readable_name}: {error.message}"


@pytest.mark.parametrize(("said", "whole"), WRITTEN)
def test_a_command_in_a_document_is_one_that_exists(said: str, whole: bool) -> None:
    assert mistakes(said, whole=whole) == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("carewatch demo --for 60 --rate=5", []),
        ("carewatch dead list --stage track   # why", []),
        ("carewatch state show KEY --tenant acme", []),
        ("carewatch COMMAND --help", []),
        ("carewatch demon", ["there is no command 'demon'"]),
        ("carewatch state", ["a subcommand is missing"]),
        ("carewatch state shove chat-1", ["there is no command 'shove'"]),
        ("carewatch demo --minutes 3", ["there is no option --minutes"]),
        ("carewatch demo --for", ["--for needs a value"]),
        ("carewatch state pause --stage track", ["partition is missing"]),
        ("carewatch gateway now", ["'now' is one argument too many"]),
        ("carewatch demo --rate 0", ["rate: 0 is not in the range 1<=x<=10000."]),
    ],
)
def test_what_the_command_line_would_refuse_is_noticed(said: str, expected: list[str]) -> None:
    assert mistakes(said, whole=True) == expected


def test_commands_are_found_wherever_they_stand(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Say `carewatch\ncheck` first.\n\n```sh\nA=1 carewatch topics apply && carewatch worker"
        "   # two\ncarewatch demo \\\n  --for 3 | tee out\n```\n\n1. Then\n\n   ```sh\n"
        "   /opt/bin/carewatch board\n   ```\n",
        encoding="utf-8",
    )

    assert list(commands(page)) == [
        ("carewatch topics apply", True),
        ("carewatch worker", True),
        ("carewatch demo    --for 3", True),
        ("carewatch board", True),
        ("carewatch check", False),
    ]
