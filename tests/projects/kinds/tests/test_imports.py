import runpy
import subprocess
import sys
from pathlib import Path

from shop import loading, registry

SCRIPT = Path(registry.__file__).with_name("script.py")


def test_handlers():
    assert set(registry.HANDLERS) == {"a"}


def test_built():
    assert registry.BUILT == ["x"]


def test_catalog():
    assert registry.CATALOG == {"pear": 5}


def test_bonus():
    assert registry.BONUS == 0


def test_plugin_first():
    assert loading.load("first").run() == "ran"


def test_plugin_second():
    assert loading.load("first").NAME == "first"


def test_plainly_first():
    assert loading.load_plainly("second").NAME == "second"


def test_plainly_second():
    assert loading.load_plainly("second").NAME == "second"


def test_process():
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "42"


def test_script():
    assert runpy.run_path(str(SCRIPT))["answer"]() == 42


def test_script_as_module():
    assert runpy.run_module("shop.script")["answer"]() == 42
