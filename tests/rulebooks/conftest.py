"""A folder of configuration that a test fills with the files it is about."""

from pathlib import Path

import pytest

from carewatch.rulebooks.folder import read_document
from carewatch.yamlfile import Mistake


class Folder:
    """A configuration folder; `mistakes` names each without the path of the folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("carewatch.yaml", "tenants:\n  acme: {timezone: Europe/Berlin}\n")

    def write(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    def mistakes(self, *, only_computed: bool = False) -> list[str]:
        found: list[Mistake] = []
        document = read_document(self.path, found, only_computed=only_computed)
        assert (document is None) == bool(found)
        return [str(one).replace(f"{self.path}/", "") for one in sorted(set(found))]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)
