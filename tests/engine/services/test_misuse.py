"""Every helper says what is wrong, and what to do: outside of a test, in a wrong scope, with a wrong type."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from typing import Any

import pytest
from tests.engine.services.conftest import MakeProject, bare_pytest
from tests.harness import PATIENCE

from enctest import Cache, Config, Database, Secret, Service, Topic, api, et
from enctest.errors import EnctestError

number = Config("MISUSED_NUMBER", 1)
secret = Secret("MISUSED_SECRET")
placed = Topic[str]("misused")
shop = Database("misused")


class Orders(Service):
    @api
    def place(self, item: str) -> str:
        return item


def free(item: str) -> str:
    return item


RIGHT: dict[str, tuple[Any, ...]] = {
    "adeliver": (placed,),
    "advance_time": (1,),
    "deliver": (placed,),
    "enable_service_instance_isolation": (),
    "mock_endpoint": (Orders.place, free),
    "mock_service": (Orders, Orders()),
    "new_test_database": (shop,),
    "override_auth": ("alice",),
    "published_messages": (placed,),
    "set_config": (number, 2),
    "spans": (),
    "superuser": (shop,),
}
"""Arguments of each helper that are as they should be."""

WRONG: dict[str, list[tuple[tuple[Any, ...], str, str]]] = {
    "adeliver": [(("misused",), "adeliver takes a topic, and str 'misused' is none", "Pass the `Topic`")],
    "advance_time": [
        ((-1,), "advance_time takes seconds, a number of at least 0, not -1", ""),
        (("1",), "advance_time takes seconds, a number of at least 0, not '1'", ""),
    ],
    "deliver": [((Orders,), "deliver takes a topic, and Orders is none", "Pass the `Topic`")],
    "enable_service_instance_isolation": [((1,), "takes True or False, not 1", "")],
    "mock_endpoint": [
        (("Orders.place", free), "takes an endpoint, and str 'Orders.place' is none", "through its class"),
        ((Orders().place, free), "takes an endpoint, and Orders.place is none", "nor a bound method"),
        ((free, free), "takes an endpoint, and free is none", "marked with @api"),
        (
            (Orders.place, "free"),
            "The double of Orders.place is str, which cannot be called",
            "Pass a function",
        ),
        (
            (Orders.place, lambda: ""),
            "cannot be called as it is",
            "The endpoint takes (item: str), the double ()",
        ),
    ],
    "mock_service": [
        (
            (Orders(), free),
            "takes the class of a service, and Orders",
            "Pass the class that derives from Service",
        ),
        ((Service, free), "takes the class of a service, and Service is none", "for one endpoint"),
        ((Orders, object()), "it has none of its endpoints", "They are place."),
    ],
    "new_test_database": [
        ((3,), "new_test_database takes a database, and int 3 is none", "Pass the `Database`")
    ],
    "override_auth": [
        (("",), "takes the user's id, a string that is not empty, not ''", ""),
        ((7,), "takes the user's id, a string that is not empty, not 7", ""),
        ((None, "data"), "was given data without a user", "Nobody has no data"),
    ],
    "published_messages": [(("misused",), "takes a topic, and str 'misused' is none", "Pass the `Topic`")],
    "set_config": [
        ((1, 2), "takes a setting, and int 1 is none", "Pass the `Config` or `Secret` itself"),
        (("MISUSED_NUMBER", 2), "takes a setting, and str 'MISUSED_NUMBER' is none", "not its value"),
        (
            (number, "2"),
            "'2' is no value for the setting MISUSED_NUMBER: Input should be a valid integer",
            "",
        ),
        ((secret, b"2"), "The secret MISUSED_SECRET is a text, not bytes", ""),
    ],
    "spans": [],
    "superuser": [
        (("misused",), "superuser takes a database, and str 'misused' is none", "Pass the `Database`")
    ],
}
ABOUT_ONE_TEST = {"adeliver", "deliver", "published_messages", "spans"}
ANYWHERE = {"as_user", "Attempt", "Delivery", "Messages"}
"""Those that mean something in production, too, and classes of results."""


def call(helper: str, arguments: tuple[Any, ...]) -> EnctestError:
    """Return what a helper raises."""
    with pytest.raises(EnctestError) as raised:
        _run(helper, arguments)
    return raised.value


def _run(helper: str, arguments: tuple[Any, ...]) -> None:
    outcome = getattr(et, helper)(*arguments)
    if inspect.iscoroutine(outcome):
        outcome.send(None)


def test_every_helper_is_tried_here() -> None:
    assert set(et.__all__) - ANYWHERE == set(RIGHT) == set(WRONG)


@pytest.mark.parametrize(
    ("helper", "arguments", "title", "hint"),
    [(name, *case) for name, cases in WRONG.items() for case in cases],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_of_the_wrong_kind_is_named(
    helper: str, arguments: tuple[Any, ...], title: str, hint: str
) -> None:
    error = call(helper, arguments)
    assert title in error.title
    assert hint in (error.hint or "")


@pytest.fixture(scope="module")
def from_a_module() -> dict[str, EnctestError]:
    """Call what is about one test in a fixture that is about many."""
    return {name: call(name, RIGHT[name]) for name in ABOUT_ONE_TEST}


@pytest.mark.parametrize("helper", sorted(ABOUT_ONE_TEST))
def test_what_is_about_one_test_needs_one(from_a_module: dict[str, EnctestError], helper: str) -> None:
    error = from_a_module[helper]
    assert error.title == f"{helper} was called in a fixture of module scope, and is about one test"
    assert error.hint == 'Call it in the test, or in a fixture of scope "function".'


OUTSIDE = """
import json
from tests.engine.services.test_misuse import RIGHT, call
print(json.dumps({name: [(error := call(name, RIGHT[name])).title, error.hint] for name in RIGHT}))
"""


def test_outside_of_a_test_nothing_is_meant() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OUTSIDE],
        env=os.environ | {"ENCTEST_TEST": "", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    told = json.loads(done.stdout)
    assert set(told) == set(RIGHT)
    for name, (title, hint) in told.items():
        assert title == f"{name} was called outside of a test"
        assert "use a marker (`pytestmark`) or an autouse fixture instead" in hint


def test_the_top_of_a_file_is_outside_and_markers_say_what_they_lack(project: MakeProject) -> None:
    head = (
        "import pytest\nfrom enctest import et, Service, api\n\n"
        "class Orders(Service):\n    @api\n    def place(self): ...\n\n"
    )
    sample = project(
        {
            "test_top.py": head + "et.mock_endpoint(Orders.place, lambda: 1)\n",
            "test_marks.py": head
            + "@pytest.mark.mock_endpoint('Orders.place', print)\ndef test_kind(): ...\n"
            + "@pytest.mark.mock_service(service=Orders)\ndef test_few(): ...\n"
            + "@pytest.mark.set_config(value=3)\ndef test_names(): ...\n",
        }
    )
    top = bare_pytest(sample, "test_top.py").stdout
    assert "mock_endpoint was called outside of a test" in top
    marks = bare_pytest(sample, "test_marks.py").stdout
    assert "mock_endpoint takes an endpoint, and str 'Orders.place' is none" in marks
    assert "the marker mock_service does not fit: missing a required argument: 'double'" in marks
    assert "It is `@pytest.mark.mock_service(service, double, *, run_middleware" in marks
    assert "the marker set_config does not fit: missing a required argument: 'setting'" in marks
    assert marks.count("ERROR test_marks.py") == 3


def test_blocks_that_do_not_say_what_they_hold_say_how() -> None:
    prices: Cache[Any] = Cache("prices")
    with pytest.raises(EnctestError, match="Cache 'prices' does not say what it holds") as raised:
        prices.set("a", 1)
    assert raised.value.hint == 'Say it: Cache[Order]("prices"), or Cache("prices", Order).'
