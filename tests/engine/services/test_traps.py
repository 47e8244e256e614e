"""Where test helpers can go wrong: wide fixtures, removed doubles, lists, ends that fail, threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from tests.engine.services.conftest import MakeProject, bare_pytest

from enctest import Config, Service, Topic, api, as_user, et, user_id

words = Config("TRAPS_WORDS", ["a"])
told = Topic[str]("traps")


class Counter(Service):
    def start(self) -> None:
        self.count = 0

    @api
    def next(self) -> int:
        self.count += 1
        return self.count


class Plain:
    def next(self) -> int:
        return 100


@pytest.fixture(scope="session")
def isolated_session() -> list[int]:
    """Isolation where no test runs yet: the fixture has an instance of its own."""
    et.enable_service_instance_isolation()
    return [Counter.next(), Counter.next()]


def test_isolation_may_be_switched_on_in_the_widest_fixture(isolated_session: list[int]) -> None:
    assert isolated_session == [1, 2]
    assert Counter.next() == 1  # and the test one of its own
    et.enable_service_instance_isolation(False)
    shared = Counter.next()
    assert Counter.next() == shared + 1


def test_a_double_that_was_removed_leaves_the_service_as_it_was() -> None:
    et.enable_service_instance_isolation()
    et.mock_service(Counter, Plain())
    assert Counter.next() == 100
    et.mock_service(Counter, None)
    assert [Counter.next(), Counter.next()] == [1, 2]


def test_a_setting_may_be_a_list() -> None:
    given = ["b", "c"]
    et.set_config(words, given)
    given.append("d")
    words().append("e")
    assert words() == ["b", "c"]


@pytest.fixture(scope="module")
def published_by_the_module() -> str:
    return told.publish("from the module's fixture")


@pytest.fixture
def published_for_this_test() -> str:
    return told.publish("from the test's fixture")


def test_messages_are_exactly_this_test_s(published_by_the_module: str, published_for_this_test: str) -> None:
    told.publish("from the test")
    assert et.published_messages(told) == ["from the test's fixture", "from the test"]
    assert published_by_the_module.startswith("tests/engine/services/test_traps.py/traps/")


def test_users_do_not_mix_in_threads() -> None:
    together = Barrier(4, timeout=60)

    def call(name: str) -> str:
        with as_user(name):
            together.wait()
            return user_id()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(call, ["a", "b", "c", "d"])) == ["a", "b", "c", "d"]
    et.override_auth("everybody")
    assert user_id() == "everybody"


def test_an_end_that_fails_keeps_none_from_its_turn_and_is_told(project: MakeProject) -> None:
    sample = project(
        {
            "test_ends.py": """
                from enctest import Service, api, et

                closed = []

                class Broken(Service):
                    def close(self):
                        closed.append("broken")
                        raise OSError("no more")

                    @api
                    def use(self): ...

                class Fine(Service):
                    def close(self):
                        closed.append("fine")

                    @api
                    def use(self): ...

                def test_one():
                    et.enable_service_instance_isolation()
                    Fine.use()
                    Broken.use()

                def test_two():
                    assert closed == ["broken", "fine"]
                """
        }
    )
    done = bare_pytest(sample, "-p", "no:randomly")
    assert "2 passed, 1 error" in done.stdout, done.stdout
    assert "OSError: no more" in done.stdout
    assert "while Broken was closed" in done.stdout


def test_a_test_that_dies_is_a_failed_one_and_its_scope_is_over(project: MakeProject) -> None:
    sample = project(
        {
            "test_dies.py": """
                from enctest import Config, et

                limit = Config("LIMIT", 1)

                def test_one():
                    et.set_config(limit, 2)
                    raise SystemError("in the middle")

                def test_two():
                    assert limit() == 1
                """
        }
    )
    done = bare_pytest(sample, "-p", "no:randomly")
    assert "1 failed, 1 passed" in done.stdout, done.stdout
