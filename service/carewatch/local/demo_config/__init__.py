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

YOUR_TOKEN: Final = "demo"  # noqa: S105 - public on purpose
"""What the account `generic/you` is opened with: public, for a gateway on the loopback."""

_CUSTOMER_WRITES: Final = """\
curl {gateway}/hooks/generic/you -H 'authorization: Bearer {token}' -d '{{
  "id": "hello-1", "type": "care.message.created", "data": {{
    "conversation_key": "chat-1", "actor": {{"kind": "customer", "key": "me"}},
    "message": {{"key": "hello-1", "direction": "inbound", "kind": "text"}}}}}}'"""


def customer_writes(gateway: str) -> str:
    """A command for a shell: a customer of the tenant `you` writes, on the channel `web`."""
    return _CUSTOMER_WRITES.format(gateway=gateway, token=YOUR_TOKEN)


def random_secrets() -> dict[str, str]:
    """Values for every `env:` reference of the folder, new ones but for YOUR_TOKEN."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    return {
        "CARE_DEMO_GENERIC_SECRET": f"whsec_{key}",
        "CARE_DEMO_CHATWOOT_SECRET": secrets.token_hex(32),
        "CARE_DEMO_WHATSAPP_SECRET": secrets.token_hex(32),
        "CARE_DEMO_WHATSAPP_TOKEN": secrets.token_hex(16),
        "CARE_DEMO_CUSTOMER_KEY": secrets.token_hex(32),
        "CARE_DEMO_AGENT_KEY": secrets.token_hex(32),
        "CARE_DEMO_DEAD_LETTER_KEY": secrets.token_hex(32),
        "CARE_DEMO_YOUR_TOKEN": YOUR_TOKEN,
    }
