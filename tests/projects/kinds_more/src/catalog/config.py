"""What the surroundings say."""

import os
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
REGION = os.environ.get("SHOP_REGION", "eu")


def level():
    return os.getenv("SHOP_LEVEL", "info")


def greeting():
    lines = (ROOT / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)["GREETING"]


def is_frozen():
    return os.path.exists(ROOT / "data" / "frozen")
