"""The story of the scenarios: payloads in their providers' shapes, told as if they happened now.

The files are stamped around 2026-01-05T10:00:00Z; their times, and nothing else, are moved.
"""

import re
from pathlib import Path

from carewatch.clock import system_clock
from carewatch.domain.times import format_time, parse_time
from support import hooks
from support.deployment import Deployment

SCENARIOS = Path(__file__).parent.parent / "scenarios"
CONFIG = SCENARIOS / "config"

NOMINAL_S = 1_767_607_200
"""2026-01-05T10:00:00Z, in the payloads."""

SECRETS = {
    **{f"SCENARIO_{channel.upper()}_SECRET": text for channel, text in hooks.SECRETS.items()},
    "SCENARIO_CUSTOMER_KEY": "customer key of the scenarios",
    "SCENARIO_AGENT_KEY": "agent key of the scenarios, another",
    "SCENARIO_DEAD_LETTER_KEY": "dead letter key of the scenarios",
}
PATHS = {
    "chatwoot": "/hooks/chatwoot/cw-1",
    "generic": "/hooks/generic/web-1",
    "whatsapp": "/hooks/whatsapp/wa-1",
}


def payload(name: str, began_s: int) -> bytes:
    """The file, with every time of it moved from the nominal instant to `began_s`."""
    text = (SCENARIOS / "payloads" / f"{name}.json").read_text(encoding="utf-8")
    by_s = began_s - NOMINAL_S
    text = re.sub(
        r"2026-01-05T[\d:.]+Z",
        lambda found: format_time(parse_time(found[0]) + by_s * 1000),
        text,
    )
    return re.sub(r"\b17676\d{5}\b", lambda found: str(int(found[0]) + by_s), text).encode()


async def deliver(deployment: Deployment, name: str, began_s: int) -> tuple[int, str]:
    """One delivery, signed as its provider signs: the status, and Retry-After (or nothing)."""
    kind = name.partition("_")[0]
    channel = "generic" if kind == "web" else kind
    body = payload(name, began_s)
    headers = hooks.signature(channel, body, at=system_clock())
    return await deployment.post(PATHS[channel], body, headers)
