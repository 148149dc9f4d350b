"""What the documents hold: their files, code blocks and commands, as a reader would copy them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "schemas").glob("*.md")),
    *sorted((ROOT / "deploy").rglob("*.md")),
)
"""Every page that people read."""

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"<!-- ([a-z ]+) -->\s*\Z")
_INLINE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
_COMMAND = re.compile(r"(?:^|&&|\|\||[;|(])\s*(?:[A-Z_]+=\S+\s+)*(?:\S*/)?(carewatch [^\n|;&)]*)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the name in the comment before it."""

    name: str | None
    language: str
    text: str


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a page, in its order."""
    text = path.read_text(encoding="utf-8")
    found = []
    for fence in _FENCE.finditer(text):
        name = _NAME.search(text[: fence.start()])
        found.append(Block(name[1] if name else None, fence[2], _flush(fence[3], len(fence[1]))))
    return found


def block(path: Path, name: str) -> str:
    """The text of the one block of this name."""
    (found,) = [one.text for one in blocks(path) if one.name == name]
    return found


def commands(path: Path) -> Iterator[tuple[str, bool]]:
    """Every `carewatch ...` of a page; and whether it stands in a block, to be copied whole."""
    text = path.read_text(encoding="utf-8")
    for one in blocks(path):
        joined = one.text.replace("\\\n", " ")
        for line in joined.splitlines():
            for found in _COMMAND.finditer(line.split("  #")[0].strip()):
                yield found[1].strip(), one.language == "sh"
    for span in _INLINE.finditer(_FENCE.sub("", text)):
        words = span[1].split()
        if words[:1] == ["carewatch"] and len(words) > 1:
            yield " ".join(words), False


def _flush(text: str, indent: int) -> str:
    """The lines of an indented block as they stand in it."""
    return "\n".join(line[indent:] for line in text.split("\n"))
