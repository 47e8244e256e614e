"""More kinds of change, of the project that tests/projects/kinds and kinds_more make together."""

from __future__ import annotations

from tests.kinds import KINDS, Kind

NEW_FIXTURE = """

@pytest.fixture(autouse=True)
def spoil(monkeypatch):
    monkeypatch.setattr("catalog.memory.RATES._rate", "spoilt")
"""

NEW_CONFTEST = """import pytest


@pytest.fixture(autouse=True)
def fail():
    raise OSError
"""

MORE = [
    # of the environment and its like
    Kind(
        "environment variable",
        "",
        "",
        "",
        ("test_level",),
        "`$SHOP_LEVEL` changed",
        variables=(("SHOP_LEVEL", "x"),),
    ),
    Kind("variable read at import", "", "", "", ("test_region",), variables=(("SHOP_REGION", "us"),)),
    Kind(".env file", ".env", "hello", "bye", ("test_greeting",)),
    Kind("file that was looked for appears", "data/frozen", "", "", ("test_is_not_frozen",)),
    Kind("plugin's ini option", "pyproject.toml", '"auto"', '"strict"', ("test_waits",)),
    Kind("entry point", "src/catalog.egg-info/entry_points.txt", "as_text", "as_lines", ("test_export",)),
    Kind("resource of a package", "src/catalog/limits.json", "7", "8", ("test_resource",)),
    # of databases
    Kind(
        "row in a database's seed",
        "migrations/0002_seed.up.sql",
        "'open'",
        "'shut'",
        ("test_seed",),
        database=True,
    ),
    Kind("migration", "migrations/0001_offers.up.sql", "'draft'", "'new'", ("test_default",), database=True),
    Kind(
        "new migration",
        "migrations/0003_more.up.sql",
        "",
        "update offer set state = 'gone';\n",
        ("test_seed",),
        database=True,
    ),
    Kind("default of a mapped column", "src/catalog/tables.py", '"new"', '"old"', ("test_state_of_item",)),
    Kind(
        "constraint of a mapped column",
        "src/catalog/tables.py",
        "Mapped[str | None] = mapped_column(default=None)",
        "Mapped[str] = mapped_column(default=None)",
        ("test_note_may_be_missing",),
    ),
    # of declarations
    Kind(
        "default of a pydantic field",
        "src/catalog/schemas.py",
        '"thing"',
        '"none"',
        ("test_product_name", "test_order"),
    ),
    Kind("constraint of a pydantic field", "src/catalog/schemas.py", "ge=1", "ge=5", ("test_product_price",)),
    Kind(
        "pydantic validator", "src/catalog/schemas.py", "value.strip()", "value", ("test_product_is_clean",)
    ),
    Kind("default of a named tuple", "src/catalog/shapes.py", "x: int = 0", "x: int = 1", ("test_point",)),
    Kind(
        "Django setting", "src/webshop/settings.py", "PAGE_SIZE = 10", "PAGE_SIZE = 20", ("test_page_size",)
    ),
    Kind("Django model field", "src/webshop/models.py", '"draft"', '"new"', ("test_state", "test_offers")),
    Kind("Django route", "src/webshop/urls.py", "offers/", "all/", ("test_offers",)),
    Kind("Django view", "src/webshop/views.py", "offers: ", "all: ", ("test_offers",)),
    # of templates and data
    Kind(
        "Jinja template",
        "src/catalog/templates/page.html",
        "Hello",
        "Bye",
        ("test_page_first", "test_page_second"),
    ),
    Kind(
        "base of a Jinja template",
        "src/catalog/templates/base.html",
        "main",
        "body",
        ("test_page_first", "test_page_second"),
    ),
    Kind("snapshot file", "tests/more/__snapshots__/test_report.ambr", "thing", "other", ("test_report",)),
    Kind("approved text", "tests/more/approved/report.txt", "3", "4", ("test_approved",)),
    Kind("text that code is made of", "data/rules.txt", "6 * 7", "6 * 8", ("test_rule",)),
    # of classes
    Kind(
        "other base class", "src/catalog/shapes.py", "class Tile(Square)", "class Tile(Round)", ("test_tile",)
    ),
    Kind(
        "method of a base class goes",
        "src/catalog/shapes.py",
        "    def area(self):\n        return 16",
        "    pass",
        ("test_tile", "test_scaled"),
    ),
    Kind(
        "new __getattr__",
        "src/catalog/shapes.py",
        "        self.size = size",
        "        self.size = size\n\n    def __getattr__(self, name):\n        return 1",
        ("test_box_has_nothing_else",),
    ),
    Kind(
        "new __eq__",
        "src/catalog/shapes.py",
        "        self.size = size",
        "        self.size = size\n\n    def __eq__(self, other):\n        return True",
        ("test_boxes_differ",),
    ),
    Kind(
        "new subclass that registers itself",
        "src/catalog/shapes.py",
        "class Reader(Handler):",
        "class Writer(Handler):\n    pass\n\n\nclass Reader(Handler):",
        ("test_handlers_known",),
    ),
    Kind(
        "signature of a patched function",
        "src/catalog/shapes.py",
        "factor",
        "times",
        ("test_scaled_is_patched",),
    ),
    Kind(
        "memo of an object",
        "src/catalog/memory.py",
        '"made"',
        '"grown"',
        ("test_rate_first", "test_rate_second"),
    ),
    Kind(
        "cached property",
        "src/catalog/memory.py",
        "return 3",
        "return 4",
        ("test_count_first", "test_count_second"),
    ),
    # of modules
    Kind("package's __init__", "src/catalog/__init__.py", '"first"', '"second"', ("test_edition",)),
    Kind("star import", "src/catalog/constants.py", "5", "4", ("test_most",)),
    Kind("late import", "src/catalog/late.py", "WHEN = 1", "WHEN = 2", ("test_late",)),
    Kind("deleted module that is imported late", "src/catalog/legacy.py", "", None, ("test_old",)),
    Kind(
        "renamed module",
        "src/catalog/labels.py",
        "",
        None,
        ("tests/more/test_modules.py",),
        also=(("src/catalog/tags.py", "", 'def label():\n    return "label"\n'),),
    ),
    Kind(
        "edit of equal size and time",
        "src/shop/settings.py",
        "RATE = 20",
        "RATE = 30",
        ("test_rate",),
        keeps_time=True,
    ),
    # of tests
    Kind(
        "other base class of tests",
        "tests/more/test_cases.py",
        "TestLimit(Strict)",
        "TestLimit(Loose)",
        ("test_limit",),
    ),
    Kind(
        "attribute of a base class of tests", "tests/more/cases.py", "limit = 3", "limit = 4", ("test_limit",)
    ),
    Kind(
        "new autouse fixture of a folder",
        "tests/more/conftest.py",
        "@pytest.fixture(params",
        f"{NEW_FIXTURE.lstrip()}\n\n@pytest.fixture(params",
        ("test_rate_first", "test_rate_second"),
    ),
    Kind("parameters of a fixture", "src/catalog/constants.py", "5", "6", ("test_number[5]",)),
    Kind("new conftest", "unrelated/conftest.py", "", NEW_CONFTEST, ("test_alone",)),
    Kind(
        "new failing test file", "tests/test_new.py", "", "def test_new():\n    assert False\n", ("test_new",)
    ),
]

NEW_FUNCTION = "def newcomer(a: int = 1):\n    return a\n\n\ndef leaf():"

PRECISE = [
    (Kind("comment", "src/shop/cart.py", "def leaf():", "# A comment.\ndef leaf():", ()), 0),
    (Kind("formatting", "src/shop/cart.py", "total(prices):", "total(\n    prices,\n):", ()), 0),
    (Kind("docstring of a function", "src/shop/cart.py", "Ten percent", "A tenth", ()), 1),
    (Kind("new unused function", "src/shop/cart.py", "def leaf():", NEW_FUNCTION, ()), 0),
    (Kind("one leaf body", "src/shop/cart.py", '"leaf"', '"twig"', ("test_leaf",)), 1),
]
"""Changes that reach few tests, and how many at most."""

ALL = [*KINDS, *MORE]
"""All kinds that make tests fail."""

OF_PEERS = {
    1: "body",
    2: "constant",
    3: "field default",
    4: "enum value",
    5: "data file",
    6: "data file read at import",
    7: "computed import",
    8: "registry key",
    9: "subprocess",
    10: "thread",
    11: "helper of a session fixture",
    12: "callee of a cached function",
    13: "function that runs at import",
    14: "override",
    15: "new module that was looked for",
    16: "fixture body",
    17: "default argument from elsewhere",
    18: "parameters from elsewhere",
    19: "decorator factory",
    20: "SQL of a session fixture",
    21: "row in a database's seed",
    22: "environment variable",
    23: "value in pyproject.toml",
    24: "class attribute",
    25: "new file seen by glob",
    26: "new failing test file",
}
"""The 26 kinds that other selectors were measured by, by their numbers there."""
