"""The demo's configuration: this folder, and secrets made up for one run."""

import base64
import secrets
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
"""What `--config` of every process of the demo names."""

POLICY: Final = "demo"
FIRST_REPLY: Final = "8s"
NEXT_REPLY: Final = "8s"
"""The promise in policies/demo.yaml, as the simulator is told it."""


def random_secrets() -> dict[str, str]:
    """New values for every `env:` reference of the folder."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    return {
        "CARE_DEMO_GENERIC_SECRET": f"whsec_{key}",
        "CARE_DEMO_CHATWOOT_SECRET": secrets.token_hex(32),
        "CARE_DEMO_WHATSAPP_SECRET": secrets.token_hex(32),
        "CARE_DEMO_WHATSAPP_TOKEN": secrets.token_hex(16),
        "CARE_DEMO_CUSTOMER_KEY": secrets.token_hex(32),
        "CARE_DEMO_AGENT_KEY": secrets.token_hex(32),
        "CARE_DEMO_DEAD_LETTER_KEY": secrets.token_hex(32),
    }
