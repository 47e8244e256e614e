"""A made web application that imports 300 modules of its own and as many foreign ones, for benchmarks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.benchmarks.suites import REPOSITORY, Prepared, Suite

SUITE = Suite("heavy", "1", requirements=("fastapi", "sqlalchemy", "httpx", "pytest"))
_MODULES = 320
_TESTS = 40

_MODULE = """\
from dataclasses import dataclass
from pydantic import BaseModel
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column
from app.base import Base
{imports}

class Row{n}(Base):
    __tablename__ = "row{n}"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))

class Model{n}(BaseModel):
    id: int
    name: str = "{n}"

@dataclass
class Thing{n}:
    value: int = {n}

def compute{n}(x: int) -> int:
    return x + {n}
"""
_MAIN = """\
from fastapi import FastAPI
{imports}

application = FastAPI()
{routes}
"""
_TEST = """\
import app.main
from app.m{n:03} import Model{n}, compute{n}

def test_compute():
    assert compute{n}(1) == {n} + 1

def test_model():
    assert Model{n}(id=1).name == "{n}"

def test_routes():
    assert len(app.main.application.routes) > 300
"""


def prepare(cache: Path) -> Prepared:
    """Write the project and its environment below `cache`, unless they are there."""
    home = cache / "heavy"
    prepared = Prepared(SUITE, home / "project", home / "environment" / "bin")
    stamp = home / "prepared"
    recipe = f"{SUITE} {_MODULES} {_TESTS} {REPOSITORY} {sys.version}"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == recipe:
        return prepared
    _write(prepared.root)
    if not prepared.python.exists():
        subprocess.run([sys.executable, "-m", "venv", prepared.bin.parent], check=True)
    install = [str(prepared.python), "-m", "pip", "-q", "--disable-pip-version-check", "install"]
    subprocess.run([*install, "-e", str(REPOSITORY), *SUITE.requirements], check=True)
    stamp.write_text(recipe, encoding="utf-8")
    return prepared


def _write(root: Path) -> None:
    package, tests = root / "app", root / "tests"
    for folder in (package, tests):
        folder.mkdir(parents=True, exist_ok=True)
    (root / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n', encoding="utf-8")
    (package / "__init__.py").touch()
    base = "from sqlalchemy.orm import DeclarativeBase\n\nclass Base(DeclarativeBase):\n    pass\n"
    (package / "base.py").write_text(base, encoding="utf-8")
    for number in range(_MODULES):
        before = [other for other in (number - 1, number // 2) if 0 <= other < number]
        imports = "\n".join(f"import app.m{other:03}" for other in sorted(set(before)))
        text = _MODULE.format(n=number, imports=imports)
        (package / f"m{number:03}.py").write_text(text, encoding="utf-8")
    imports = "\n".join(f"from app.m{n:03} import Model{n}, compute{n}" for n in range(_MODULES))
    routes = "\n".join(
        f'@application.get("/{n}")\ndef get{n}() -> Model{n}:\n    return Model{n}(id=compute{n}({n}))\n'
        for n in range(_MODULES)
    )
    (package / "main.py").write_text(_MAIN.format(imports=imports, routes=routes), encoding="utf-8")
    for number in range(0, _MODULES, _MODULES // _TESTS):
        (tests / f"test_m{number:03}.py").write_text(_TEST.format(n=number), encoding="utf-8")
