import json
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_prices():
    assert json.loads((ROOT / "data/prices.json").read_text()) == {"apple": 3}


def test_parts():
    assert len(list((ROOT / "data/parts").glob("*.txt"))) == 1


def test_currency():
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["shop"]["currency"] == "EUR"


def test_optional():
    optional = ROOT / "data" / "optional.txt"
    try:
        text = optional.read_text()
    except FileNotFoundError:
        text = ""
    assert text == ""
