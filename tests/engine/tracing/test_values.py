"""What leaves the process is plain, bounded and without secrets."""

from __future__ import annotations

import enum
from collections.abc import Iterator

import pytest

from enctest.tracing.hooks.web import safe_url
from enctest.tracing.redaction import _Rules, configure, hide, redact
from enctest.tracing.sql import summarize
from enctest.tracing.values import Cleaner, show


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("password=hush and more", "password=[redacted] and more"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [redacted]"),
        ('{"api_key": "hush", "n": 1}', '{"api_key": "[redacted]", "n": 1}'),
        ("ALTER ROLE me PASSWORD 'hush'", "ALTER ROLE me PASSWORD '[redacted]'"),
        ("WHERE password = %s AND token = $1", "WHERE password = %s AND token = $1"),
        ("postgresql://me:hush@host/db", "postgresql://me:[redacted]@host/db"),
        ("the tokens are 3 and the key is A", "the tokens are 3 and the key is A"),
    ],
)
def test_secrets_in_text(text: str, left: str) -> None:
    assert redact(text) == left


def test_secrets_by_name() -> None:
    cleaned = Cleaner(1000).clean(
        {"http.request.header.cookie": "a=b", "db.password": "x", "tokens": 5, "ok": "y"}
    )
    assert cleaned == {
        "http.request.header.cookie": "[redacted]",
        "db.password": "[redacted]",
        "tokens": 5,
        "ok": "y",
    }
    assert (
        safe_url("http://u:p@h/x?access_token=1&b=2#f")
        == "http://u:[redacted]@h/x?access_token=[redacted]&b=2#f"
    )


def test_secrets_in_lists_and_containers() -> None:
    cleaned = Cleaner(1000).clean(
        {
            "http.request.header.authorization": ["Basic abc"],
            "items": [{"password": "hush", "n": 1}, b"token=hush", "secret=hush"],
            "nothing": None,
        }
    )
    assert "hush" not in str(cleaned)
    assert "abc" not in str(cleaned)
    assert cleaned["http.request.header.authorization"] == ["[redacted]"]
    assert cleaned["items"][0] == "{'password': [redacted], 'n': 1}"


@pytest.fixture
def _rules() -> Iterator[None]:
    before = _Rules.patterns, _Rules.values
    yield
    configure(())
    _Rules.patterns, _Rules.values = before


@pytest.mark.usefixtures("_rules")
def test_secrets_that_the_project_names() -> None:
    text = "ssn 078-05-1120 of 4242 by S3cr3t!Value"
    assert redact(text) == text
    configure([r"\d{3}-\d{2}-\d{4}", "iban"])
    hide("S3cr3t!Value")
    hide("of")  # too short to be looked for everywhere
    assert redact(text) == "ssn [redacted] of 4242 by [redacted]"
    cleaned = Cleaner(9000).clean({"customer.IBAN": "DE00", "body": "x" * 4000 + text + "y" * 4000})
    assert cleaned["customer.IBAN"] == "[redacted]"
    assert "078-05" not in cleaned["body"]
    assert "S3cr3t" not in cleaned["body"]


@pytest.mark.usefixtures("_rules")
def test_what_a_cut_splits_is_hidden_too() -> None:
    hide("S" * 500)
    for before in range(3500, 5300, 100):
        cleaned = Cleaner(9000).clean({"a": "x" * before + "S" * 500 + "y" * 3000})
        assert "S" not in cleaned["a"], before
    shrunk = Cleaner(9000).clean({"a": ("S" * 500 + " ") * 20 + "tail"})
    assert "S" not in shrunk["a"]


def test_long_values_are_cut_and_say_so() -> None:
    cleaner = Cleaner(5000)
    cleaned = cleaner.clean({"a": "x" * 10_000, "b": list(range(200))})
    assert cleaned["a"].startswith("x" * 4096)
    assert cleaned["a"].endswith("(5904 more characters)")
    assert len(cleaned["b"]) == 101
    assert not cleaner.exhausted
    assert len(cleaner.clean({"a": "x" * 4000})["a"]) == 4000
    assert cleaner.exhausted
    assert len(cleaner.clean({"a": "x" * 4000})["a"]) < 250


def test_showing_runs_no_code_of_the_application() -> None:
    class Nasty:
        def __repr__(self) -> str:
            raise AssertionError

    class Colour(enum.Enum):
        RED = 1

    assert show(Nasty()) == "<Nasty>"
    assert (
        show([1, Nasty(), {"password": "x", "b": b"y"}])
        == "[1, <Nasty>, {'password': [redacted], 'b': b'y'}]"
    )
    assert show(Colour.RED) == "<Colour>"
    assert show("x" * 5000).endswith("(904 more)")


def test_a_value_that_cannot_be_read_does_not_stop_the_others() -> None:
    class Broken(list[int]):
        def __len__(self) -> int:
            raise RuntimeError

    cleaned = Cleaner(1000).clean({"a": Broken(), "b": 1})
    assert cleaned == {"a": "<unreadable: RuntimeError>", "b": 1}


@pytest.mark.parametrize(
    ("query", "summary"),
    [
        ("SELECT * FROM orders WHERE id = %s", "SELECT orders"),
        ('select a, (select 1) from "shop"."orders" o', "SELECT shop.orders"),
        ("-- why\n/* from x */ INSERT INTO orders (a) VALUES ('from y')", "INSERT orders"),
        ("UPDATE ONLY orders SET a = 1", "UPDATE orders"),
        ("DELETE FROM orders", "DELETE orders"),
        ("WITH a AS (SELECT 1 FROM x), b AS (DELETE FROM y) UPDATE orders SET n = 1", "UPDATE orders"),
        ("CREATE UNIQUE INDEX IF NOT EXISTS i ON orders (a)", "CREATE INDEX i"),
        ("CREATE TEMP TABLE orders (id int)", "CREATE TABLE orders"),
        ("(SELECT 1) UNION (SELECT 2)", "SELECT"),
        ("COPY orders (id) FROM STDIN", "COPY orders"),
        ("COMMIT", "COMMIT"),
        ("SELECT 1", "SELECT"),
        ("", "query"),
    ],
)
def test_queries_in_short(query: str, summary: str) -> None:
    assert summarize(query).text == summary
