"""References to secrets: where each is looked for, and what is said when it is not there."""

from pathlib import Path

import pytest

from carewatch.secrets import Secret, SecretSource


def read(reference: str, folder: Path, environ: dict[str, str]) -> str:
    """The secret, or what is wrong with the reference."""
    source = SecretSource(folder, environ, resolve=lambda _: True)
    problem = source.problem(Secret, reference, ("privacy", "dead_letter_key"))
    return problem or source.convert(Secret, reference).reveal()


def test_a_credential_is_in_the_folder_that_systemd_names(tmp_path: Path) -> None:
    beside = tmp_path / "config"
    given = tmp_path / "run" / "credentials"
    for folder, text in ((beside, "of the folder\n"), (given, "of the service\n")):
        folder.mkdir(parents=True)
        (folder / "key").write_text(text)
    environ = {"CREDENTIALS_DIRECTORY": str(given)}

    assert read("credential:key", beside, environ) == "of the service"
    assert read("file:key", beside, environ) == "of the folder"


def test_a_credential_without_systemd_is_told_with_the_remedy(tmp_path: Path) -> None:
    says = read("credential:key", tmp_path, {})

    assert says.startswith("credential:key needs CREDENTIALS_DIRECTORY, which systemd sets; ")
    assert "LoadCredential=" in says


def test_a_credential_that_was_not_loaded_is_told(tmp_path: Path) -> None:
    says = read("credential:key", tmp_path, {"CREDENTIALS_DIRECTORY": str(tmp_path)})

    assert says == "credential:key cannot be read: No such file or directory"


@pytest.mark.parametrize("name", ["", "../key", "a/b", ".key"])
def test_a_credential_is_named_not_pathed(name: str, tmp_path: Path) -> None:
    says = read(f"credential:{name}", tmp_path, {"CREDENTIALS_DIRECTORY": str(tmp_path)})

    assert says.startswith("a secret is given as a reference, never as its value; ")
