"""What is secret is not in what a run leaves behind."""

from __future__ import annotations

from tests.e2e.conftest import MakeSample

FILES = {
    "pyproject.toml": r"""
        [tool.enctest]
        redact = ['\bcard-\d+', "iban"]
        """,
    "shop.py": """
        import logging
        from enctest import Secret

        key = Secret("PAYMENT_KEY")

        def pay(card):
            logging.getLogger("shop").warning("paying %s with %s", card, key())
            print("the key is", key())
        """,
    "test_shop.py": """
        import sqlite3
        import shop

        def test_pay(monkeypatch):
            monkeypatch.setenv("PAYMENT_KEY", "s3cr3t-value")
            shop.pay("card-42426173928450")
            db = sqlite3.connect(":memory:")
            given = {"iban": "DE00128374650912", "text": "with s3cr3t-value in it"}
            db.execute("SELECT :iban, :text", given).fetchall()
            db.close()
        """,
}
SECRETS = ("42426173928450", "s3cr3t-value", "DE00128374650912")


def test_patterns_and_secrets_are_left_out_of_traces(sample: MakeSample) -> None:
    project = sample(FILES)
    assert "1 passed" in project.enctest("-q").stdout
    test = "test_shop.py::test_pay"
    shown = project.enctest("trace", test, "--otlp-json", "-").stdout
    assert "paying [redacted] with [redacted]" in shown
    assert "the key is [redacted]" in shown
    assert "[redacted]=[redacted]" in shown  # a name that a pattern finds, and its value
    assert "with [redacted] in it" in shown
    assert not [secret for secret in SECRETS if secret in shown]
    with project.watch() as watch:
        assert watch.edit("shop.py", "paying", "paid") == {test: "passed"}
        spans = [event for event in watch.events() if event["type"].startswith("span_")]
        assert spans
        assert not [secret for secret in SECRETS if secret in str(spans)]


def test_a_pattern_that_is_none_is_said(sample: MakeSample) -> None:
    project = sample(
        {"pyproject.toml": "[tool.enctest]\nredact = ['(']\n", "test_a.py": "def test_a(): pass\n"}
    )
    done = project.enctest("-q")
    assert done.returncode != 0
    assert "'(' in redact is no regular expression" in done.stderr
    assert "Traceback" not in done.stderr
