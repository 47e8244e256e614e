"""Code made of text."""

from pathlib import Path

NAMESPACE = {}
_text = (Path(__file__).parent.parent.parent / "data" / "rules.txt").read_text()
exec("def rule():\n    " + _text, NAMESPACE)
