"""The built wheel, installed into a clean environment, is all a user needs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.e2e.terminal import Terminal
from tests.harness import Sample, processes_of, wait_until

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("engine", "tui"):
        shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--wheel-dir", str(folder), str(source)], check=True)
    (built,) = folder.glob("*.whl")
    return built


def test_it_holds_what_the_app_needs(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "enctest/py.typed",
        "enctest/enctest.schema.json",
        "enctest_tui/app.tcss",
        "enctest_tui/demo/pyproject.toml",
    ):
        assert needed in names
    assert [name for name in names if name.startswith("enctest_tui/demo/migrations/")]
    assert not [name for name in names if name.startswith("tests/") or ".enctest" in name]


def test_it_opens_the_sample_project_from_a_clean_environment(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = str(environment / "bin" / "python")
    install = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*install, f"{wheel}[postgres,demo]"], check=True)
    sample = Sample(tmp_path, {})
    env = sample.env | {"TMPDIR": str(sample.runtime)}
    terminal = Terminal([str(environment / "bin" / "enctest-tui"), "--demo"], cwd=tmp_path, env=env)
    try:
        terminal.see("✗ 1", "✓ 9")
        terminal.press("n")
        terminal.see("test_ten_of_a_kind")
        terminal.press("2")
        terminal.see("shop is kept as it was; p opens it", "orders  1 added")
        (pricing,) = sample.runtime.rglob("orders/pricing.py")
        pricing.write_text(pricing.read_text().replace("> BULK_FROM", ">= BULK_FROM"))
        terminal.see("pricing.py saved", "✓ 91")
        terminal.press("q")
        assert terminal.ended() == 0
    finally:
        terminal.close()
    wait_until("nothing is left", lambda: not processes_of(sample.runtime))
    shutil.rmtree(sample.runtime)
