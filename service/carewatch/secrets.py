"""Secrets: named in the configuration by reference, resolved at start, never printed."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from carewatch.yamlfile import Keys

_REFERENCE: Final = re.compile(
    r"env:[A-Za-z_][A-Za-z0-9_]*|credential:[A-Za-z0-9_][A-Za-z0-9_.-]*|file:.+", re.DOTALL
)

CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"
"""The variable by which systemd names the folder of a service's credentials (LoadCredential=)."""


class Secret:
    """A secret value. Its repr is masked; `reveal()` is the only way to the text."""

    __slots__ = ("_text", "reference")

    def __init__(self, text: str, reference: str = "") -> None:
        self._text = text
        self.reference = reference
        """Where it came from (`env:NAME`): safe to show."""

    def reveal(self) -> str:
        """The secret itself: hand it on, never log it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


class SecretSource:
    """Resolves references against the environment and against files beside the configuration.

    `credential:NAME` is a file in the folder that systemd gives to a service and to nobody else:
    one configuration does for all services, each with credentials of its own.

    Where `resolve` says no to a place (its keys), only the form is checked: no process reads a
    secret that it does not need.
    """

    def __init__(
        self, folder: Path, environ: Mapping[str, str], *, resolve: Callable[[Keys], bool]
    ) -> None:
        self._folder = folder
        self._environ = environ
        self._resolve = resolve
        self._texts: dict[str, str] = {}

    def problem(self, _kind: type, value: object, keys: Keys) -> str | None:
        """What is wrong with a reference; never quotes the value, which may be the secret."""
        if not isinstance(value, str) or not _REFERENCE.fullmatch(value):
            return (
                "a secret is given as a reference, never as its value; "
                "write env:NAME, file:path or credential:NAME, and change the secret if it was "
                "written here"
            )
        if not self._resolve(keys):
            return None
        try:
            text = self._read(value)
        except OSError as error:
            return f"{value} cannot be read: {error.strerror}"
        except UnicodeDecodeError:
            return f"{value} is not UTF-8 text"
        if text is None and value.startswith("credential:"):
            return (
                f"{value} needs {CREDENTIALS}, which systemd sets; add LoadCredential= to the "
                "unit, or name another reference"
            )
        if text is None:
            return f"{value} is not set in the environment; set it, or name another reference"
        self._texts[value] = text
        return None if text else f"{value} is empty"

    def convert(self, _kind: type, value: Any) -> Secret:
        """The secret behind a reference that has no problem; empty where it was not resolved."""
        return Secret(self._texts.get(value, ""), value)

    def _read(self, reference: str) -> str | None:
        scheme, _, name = reference.partition(":")
        if scheme == "env":
            return self._environ.get(name)
        folder = self._folder
        if scheme == "credential":
            if CREDENTIALS not in self._environ:
                return None
            folder = Path(self._environ[CREDENTIALS])
        # Editors end a file with a line break that is no part of the secret.
        return (folder / name).read_text(encoding="utf-8").rstrip("\r\n")
