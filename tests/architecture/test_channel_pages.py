"""The page of each channel says what the code does: the gateway opens with its configuration."""

import re
from pathlib import Path

import pytest

from carewatch.channels import CHANNELS
from carewatch.gateway.doors import doors_of
from carewatch.settings import load_settings

PAGES = sorted((Path(__file__).parents[2] / "docs" / "channels").glob("*.md"))
HEADINGS = [
    "## At the provider",
    "## In carewatch",
    "## What arrives",
    "## What this source cannot tell",
    "## Trouble",
]
YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)

PRIVACY = """
privacy:
  customer_keys: {acme: env:CARE_KEY}
  agent_keys: {acme: env:CARE_KEY}
"""


def test_every_channel_has_a_page() -> None:
    assert {page.stem for page in PAGES} == {channel.name for channel in CHANNELS}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_the_parts_that_all_have(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert text.startswith(f"# {page.stem}\n")
    assert re.findall(r"^## .*$", text, re.MULTILINE) == HEADINGS
    assert f"/hooks/{page.stem}/<account>" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_gateway_opens_with_the_configuration_of_the_page(page: Path, tmp_path: Path) -> None:
    """The first that it shows; what follows adds to it."""
    shown = YAML.findall(page.read_text(encoding="utf-8"))[0]
    (tmp_path / "carewatch.yaml").write_text(shown + PRIVACY, encoding="utf-8")
    environ = dict.fromkeys(re.findall(r"env:(\w+)", shown + PRIVACY), "c2VjcmV0IG9mIHRoZSBwYWdl")

    settings = load_settings(tmp_path, environ)

    assert {channel for channel, _ in doors_of(settings, CHANNELS)} == {page.stem}
