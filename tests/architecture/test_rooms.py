"""The shape of the house: who may import whom, how long a module is, what importing does."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from carewatch.channels import CHANNELS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "service" / "carewatch"
MODULES = sorted(PACKAGE.rglob("*.py"))
PURE_ROOMS = ("domain", "wire", "processors", "channels")
IMPURE = {
    "aiohttp", "aiokafka", "asyncio", "faust", "http", "logging", "mode", "multiprocessing", "os",
    "pathlib", "prometheus_client", "random", "secrets", "select", "signal", "socket",
    "subprocess", "tempfile", "threading", "time", "urllib", "uuid",
}  # fmt: skip
HARMLESS = {
    # Its dictionary is a file of the package, as fixed as code; a compressor is its thread's own.
    "carewatch.processors.packing": {"pathlib", "threading"},
}
LONGEST_MODULE = 400
BANNED_NAMES = {"common", "data", "handler", "helper", "helpers", "info", "manager", "process",
                "util", "utils"}  # fmt: skip


def name_of(path: Path) -> str:
    """`carewatch.domain.errors` of its file."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports_of(path: Path) -> set[str]:
    """Every module a file imports, whole names, wherever in the file the import stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where an arrow goes"
            found.add(node.module or "")
    return found


def in_rooms(*rooms: str) -> list[Path]:
    return [path for path in MODULES if path.relative_to(PACKAGE).parts[0] in rooms]


@pytest.mark.parametrize("path", in_rooms(*PURE_ROOMS), ids=name_of)
def test_a_pure_module_imports_nothing_that_reads_or_changes_the_world(path: Path) -> None:
    imported = imports_of(path) - {"urllib.parse"}  # quoting text touches nothing
    imported -= HARMLESS.get(name_of(path), set())

    assert {name.split(".")[0] for name in imported} & IMPURE == set()
    assert imported & {"carewatch.clock", "carewatch.settings", "carewatch.secrets"} == set()


@pytest.mark.parametrize("path", in_rooms("verify"), ids=name_of)
def test_the_oracle_shares_no_code_with_what_it_checks(path: Path) -> None:
    shared = tuple(f"carewatch.{room}" for room in ("domain", "processors", "wire"))

    assert [name for name in imports_of(path) if name.startswith(shared)] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_short_enough_to_be_held_in_mind(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_named_after_a_concept(path: Path) -> None:
    assert path.stem not in BANNED_NAMES


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) is not None


def test_the_contract_about_channels_names_every_channel() -> None:
    linted = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    missing = [one.name for one in CHANNELS if f'"carewatch.channels.{one.name}"' not in linted]
    assert missing == []


IMPORT_ALL = """
import importlib, socket, sys, threading

def refuse(*_args, **_kwargs):
    raise AssertionError("importing a module must not use the network")

socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse

for name in sys.argv[1:]:
    importlib.import_module(name)
    assert threading.active_count() == 1, f"{name} started a thread"
print("imported", len(sys.argv) - 1)
"""


def test_importing_any_module_but_the_worker_does_nothing(tmp_path: Path) -> None:
    # Whatever read the settings would fail: their folder does not exist.
    names = [name_of(path) for path in MODULES]
    names = [name for name in names if name not in ("carewatch.worker", "carewatch.__main__")]

    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_ALL, *names],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "CAREWATCH_CONFIG": "/nowhere"},
    )

    assert result.stderr == ""
    assert result.stdout == f"imported {len(names)}\n"
    assert list(tmp_path.iterdir()) == []
