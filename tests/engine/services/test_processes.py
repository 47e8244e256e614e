"""The current test in the processes that it starts: what was set holds there, and what they do comes back."""

from __future__ import annotations

import os

import pytest
from tests.engine.services.conftest import MakeProject, bare_pytest
from tests.harness import Sample

FILES = {
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["src"]\ntestpaths = ["tests"]\n',
    "src/shop.py": """
        import sqlite3
        from contextlib import closing

        from enctest import Cache, Config, Database, Secret, Service, Topic, api, user_id

        most = Config("SHOP_MOST", 10)
        rates = Config("SHOP_RATES", [1.5])
        key = Secret("SHOP_KEY")
        shop = Database("shop")
        placed = Topic[str]("placed")
        seen = Cache[int]("seen", ttl=60)

        class Payments(Service):
            @api
            def charge(self, cents: int) -> str:
                with closing(sqlite3.connect(":memory:")) as database:
                    database.execute("SELECT 'charge'")
                return f"paid {cents}"

            @api(auth=True)
            def payer(self) -> str:
                return user_id()

        class Orders(Service):
            @api
            def place(self, item: str) -> str:
                placed.publish(item)
                return Payments.charge(100)
        """,
    "src/doubles.py": """
        def charge(cents):
            return f"double of {cents}"

        class Bank:
            def charge(self, cents):
                return f"bank {cents}"
        """,
    "src/worker.py": """
        import sys
        import shop

        class Local(shop.Service):
            @shop.api
            def name(self) -> str:
                return "local"

        def answers():
            yield shop.most()
            yield shop.rates()
            yield shop.Orders.place(sys.argv[1] if len(sys.argv) > 1 else "pen")
            yield shop.user_id()

        if __name__ == "__main__":
            print(*answers(), sep=" | ")
            print(Local.name())
        """,
}
TEST = """
import concurrent.futures
import multiprocessing
import os
import subprocess
import sys

import doubles
import pytest
import shop
import worker
from enctest import as_user, et

SOURCES = os.path.dirname(shop.__file__)
EVERYWHERE = pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])

def run(code, **env):
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": SOURCES} | env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.strip()

def script(*args):
    return subprocess.check_output([sys.executable, os.path.join(SOURCES, "worker.py"), *args], text=True)

def payer():
    return "from the test"

def answer(queue, function):
    try:
        queue.put(function())
    except Exception as error:
        queue.put(str(error))

def ask(method, function):
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=answer, args=[queue, function])
    process.start()
    found = queue.get(timeout=60)
    process.join(60)
    assert process.exitcode == 0
    return found

def place():
    return shop.Orders.place("ink")

def several():
    return [place(), shop.Payments.payer(), shop.most(), shop.user_id()]

# --- subprocess ---

def test_what_was_set_holds_in_a_script():
    et.set_config(shop.most, 3)
    et.set_config(shop.rates, [2.5, 3.0])
    et.mock_endpoint(shop.Payments.charge, doubles.charge)
    et.mock_endpoint(worker.Local.name, str)
    with as_user("alice"):
        assert script("pen").splitlines() == ["3 | [2.5, 3.0] | double of 100 | alice", ""]

def test_nothing_was_set():
    assert script("pen").splitlines() == ["10 | [1.5] | paid 100 | ", "local"]

def test_settings_are_in_the_environment_of_any_program():
    et.set_config(shop.rates, [1, 2.0])
    et.set_config(shop.key, "secret")
    environment = subprocess.check_output(["env"], text=True).splitlines()
    assert "SHOP_RATES=[1,2.0]" in environment
    assert "SHOP_KEY=secret" in environment
    assert "SHOP_KEY" not in os.environ

def test_what_the_call_says_counts_more():
    et.set_config(shop.most, 3)
    asked = subprocess.check_output(["env"], env={"SHOP_MOST": "4"}, text=True)
    assert "SHOP_MOST=4" in asked.splitlines()
    assert run("import shop; print(shop.most())", ENCTEST_TEST="", SHOP_MOST="4") == "4"

def test_messages_come_back_in_order():
    assert "paid 100" in script("pen")
    shop.placed.publish("paper")
    script("ink")
    messages = et.published_messages(shop.placed)
    assert messages == ["pen", "paper", "ink"]
    name = "tests/test_shop.py::test_messages_come_back_in_order"
    assert messages.ids == [f"{name}/process-1/placed/1", f"{name}/placed/1", f"{name}/process-2/placed/1"]

def test_spans_come_back_below_the_process():
    script("pen")
    spans = et.spans()
    assert spans.named("Payments.charge").under("Orders.place").under("python*").count == 1
    assert spans.named("SELECT 'charge'*").kind("db").under("Payments.charge").count == 1
    (place,) = spans.named("Orders.place")
    assert place.status == "ok" and place.end_ns > place.start_ns
    assert place.attributes["process.pid"] != os.getpid()
    assert "enctest.detached" not in place.attributes

def test_a_failure_comes_back_too():
    assert "NotAllowedError" in run("import shop; shop.Payments.payer()")
    (failed,) = et.spans().errors.spans.named("Payments.payer")
    assert failed.status == "error"
    assert [event.name for event in failed.events] == ["exception"]

def test_what_was_done_before_a_process_is_killed_comes_back():
    run("import shop, os, signal; shop.Orders.place('pen'); os.kill(os.getpid(), signal.SIGKILL)")
    assert et.published_messages(shop.placed) == ["pen"]
    assert et.spans().named("Orders.place").count == 1

def test_the_processes_of_a_process_are_in_the_test():
    inner = "import shop; print(shop.most()); shop.placed.publish('inner')"
    outer = f"import shop, subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    et.set_config(shop.most, 7)
    assert run(outer) == "7"
    assert et.published_messages(shop.placed) == ["inner"]

def test_a_lambda_says_that_it_cannot_be_had():
    et.mock_endpoint(shop.Payments.charge, lambda cents: "free")
    out = run("import shop; shop.Orders.place('pen')")
    assert "process-1 was not given what its test has set for Payments.charge: " in out
    assert "<lambda>" in out
    assert "functions and classes at the top level of a module, no lambdas" in out
    assert run("import shop; print(shop.most())") == "10"

# --- multiprocessing ---

@EVERYWHERE
def test_a_process_is_in_the_test(method):
    et.set_config(shop.most, 4)
    et.mock_service(shop.Payments, doubles.Bank())
    et.mock_endpoint(shop.Payments.payer, payer)
    with as_user("bob"):
        assert ask(method, several) == ["bank 100", "from the test", 4, "bob"]
    assert et.published_messages(shop.placed) == ["ink"]
    assert et.published_messages(shop.placed).ids[0].endswith("/process-1/placed/1")
    assert et.spans().named("publish placed").under("Orders.place").count == 1
    assert et.spans().having("enctest.mocked").count == 2

def test_a_lambda_is_there_in_forks_only():
    et.mock_endpoint(shop.Payments.charge, lambda cents: "free")
    assert ask("fork", place) == "free"
    assert "was not given" in ask("spawn", place)

# --- executors ---

@pytest.fixture(scope="module", params=["fork", "spawn", "forkserver"])
def pool(request):
    context = multiprocessing.get_context(request.param)
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        yield pool

def test_a_pool_of_many_tests_is_in_this_one(pool):
    et.set_config(shop.most, 5)
    assert pool.submit(shop.most).result(60) == 5
    et.set_config(shop.most, 6)
    assert pool.submit(shop.most).result(60) == 6
    assert pool.submit(place).result(60) == "paid 100"
    assert et.published_messages(shop.placed) == ["ink"]
    assert et.spans().named("SELECT 'charge'*").under("Orders.place").count == 1

def test_and_not_in_the_one_before(pool):
    assert pool.submit(shop.most).result(60) == 10
    assert list(pool.map(len, ["a", "bb"])) == [1, 2]
    assert et.published_messages(shop.placed) == []
    assert et.spans().named("Orders.place").count == 0
"""


@pytest.fixture
def sample(project: MakeProject) -> Sample:
    return project(FILES | {"tests/test_shop.py": TEST})


def test_processes_are_in_the_test_under_bare_pytest(sample: Sample) -> None:
    done = bare_pytest(sample)
    assert "20 passed" in done.stdout, done.stdout + done.stderr


def test_processes_are_in_the_test_under_enctest(sample: Sample) -> None:
    done = sample.enctest("-q", "-n", "2", "-k", "order or below or many or before or is_in_the_test")
    assert "12 passed" in done.stdout, done.stdout + done.stderr


def test_a_process_starts_even_if_it_cannot_be_told(project: MakeProject) -> None:
    sample = project(
        {
            "test_it.py": """
                import subprocess
                import sys
                from enctest import et

                def test_it():
                    assert subprocess.check_output([sys.executable, "-c", "print(1)"]) == b"1\\n"
                """
        }
    )
    (sample.runtime / f"enctest-{os.getuid()}").mkdir()
    (sample.runtime / f"enctest-{os.getuid()}").chmod(0o777)
    out = bare_pytest(sample).stdout
    assert "1 passed" in out
    assert "test_it.py::test_it/process-1 will not be in the test: " in out
    assert "is not private to you" in out


ONE = """
    import subprocess
    import sys
    import shop
    from enctest import et

    def test_script():
        et.set_config(shop.most, 3)
        assert subprocess.check_output([sys.executable, "src/worker.py"], text=True).startswith("3 | ")

    def test_other():
        assert shop.most() == 10
    """


def test_what_a_process_of_a_test_ran_is_what_the_test_needs(project: MakeProject) -> None:
    sample = project(FILES | {"tests/test_shop.py": ONE})
    with sample.watch() as watch:
        assert set(watch.outcomes().values()) == {"passed"}
        again = watch.edit("src/worker.py", 'return "local"', 'return "here"')
        assert again == {"tests/test_shop.py::test_script": "passed"}
        again = watch.edit("src/doubles.py", 'return f"bank {cents}"', 'return f"the bank {cents}"')
        assert again == {}  # it is no test for which every change counts
    with sample.watch(NOTHING_READS_THIS="1") as watch:
        assert watch.outcomes() == {}
