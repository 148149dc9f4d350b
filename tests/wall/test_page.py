"""The files of the page: what they may not hold, and that what is not ours is as published."""

import hashlib
import json
import re
from pathlib import Path

import pytest

import carewatch.wall
from carewatch.wall.routes import wall_routes
from carewatch.wall.views import VIEWS

ROOT = Path(__file__).parents[2]
FOLDER = Path(carewatch.wall.__file__).parent
OWN = sorted(path for path in FOLDER.iterdir() if path.suffix in (".html", ".css", ".js"))
VENDOR = FOLDER / "vendor"
LOCK = ROOT / "requirements" / "wall" / "package-lock.json"


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_file_names_no_other_host_and_holds_no_inline_code(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")

    assert re.findall(r"https?:|//[a-z0-9]+\.|@import|url\((?!\"vendor/)", text) == []
    assert re.findall(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=\"", text) == []
    assert re.findall(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(", text) == []


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_file_can_be_read_at_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 250


def test_every_file_is_served_and_every_import_is_one_of_them() -> None:
    served = {route.path for route in wall_routes()}
    files = [*OWN, *(path for path in VENDOR.iterdir() if path.suffix in (".js", ".css", ".woff2"))]

    assert served == {"/wall"} | {
        f"/wall/{path.relative_to(FOLDER).as_posix()}" for path in files if path.suffix != ".html"
    }
    imported = {
        name
        for path in OWN
        for name in re.findall(r'from "\./([a-z]+\.js)"', path.read_text(encoding="utf-8"))
    }
    assert {f"/wall/{name}" for name in imported} < served


def test_page_has_a_tab_for_every_view_in_their_order() -> None:
    page = (FOLDER / "page.html").read_text(encoding="utf-8")

    expected = [(view.name, view.title) for view in VIEWS]
    assert re.findall(r'<a href="/wall\?view=([a-z]+)">([^<]+)</a>', page) == expected


def test_vendored_files_are_those_of_the_published_package() -> None:
    written = (VENDOR / "SHA256SUMS").read_text(encoding="utf-8")
    expected = {name: digest for digest, name in map(str.split, written.splitlines())}
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.iterdir()
        if path.name != "SHA256SUMS"
    }

    assert found == expected
    assert "MIT" in (VENDOR / "uPlot.LICENSE").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE" in (VENDOR / "arimo.LICENSE").read_text(encoding="utf-8")


def test_version_of_the_lock_is_the_one_that_is_vendored() -> None:
    lock = json.loads(LOCK.read_text(encoding="utf-8"))
    version = lock["packages"]["node_modules/uplot"]["version"]

    assert f"(v{version})" in (VENDOR / "uPlot.iife.min.js").read_text(encoding="utf-8")[:300]


def test_lock_names_no_place_to_load_from_and_pins_every_content() -> None:
    packages = json.loads(LOCK.read_text(encoding="utf-8"))["packages"]
    installed = {name: one for name, one in packages.items() if name}

    assert [name for name, one in installed.items() if "resolved" in one] == []
    assert [name for name, one in installed.items() if "integrity" not in one] == []
