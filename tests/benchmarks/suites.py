"""Prepares real projects with their own test suites: source distributions, each with an own environment.

    python -m tests.benchmarks.suites [--cache FOLDER] [NAME ...]

prints name, folder and interpreter of each, separated by tabs. What has been prepared is used again.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from enctest.errors import EnctestError
from enctest.paths import cache_folder

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Suite:
    """A project on the package index.

    Attributes:
        name: Its name there.
        version: The release whose source distribution is used.
        extras: Its own extras that the tests need.
        requirements: What else its tests need, as its repository lists it.
        arguments: What pytest is told.
    """

    name: str
    version: str
    extras: str = ""
    requirements: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prepared:
    """A suite that is ready.

    Attributes:
        suite: What it is.
        root: The project's folder.
        bin: The folder of its interpreter and commands.
        sources: Folders to import it from, if not from where it is installed.
    """

    suite: Suite
    root: Path
    bin: Path
    sources: tuple[Path, ...] = ()

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.bin / "python"

    def elsewhere(self, root: Path) -> Prepared:
        """Return the same suite with its files at `root`, in front of the installed ones."""
        sources = root / "src"
        return replace(self, root=root, sources=(sources if sources.is_dir() else root,))


# Versions as they were when the release was made: newer ones break a few of its tests.
SUITES = {
    suite.name: suite
    for suite in (
        Suite(
            "flask",
            "3.1.3",
            requirements=("asgiref", "greenlet", "pytest==8.4.2", "python-dotenv", "werkzeug==3.1.3"),
        ),
        Suite(
            "httpx",
            "0.28.1",
            extras="[brotli,http2,socks,zstd]",
            requirements=(
                "chardet==5.2.0",
                "click==8.1.7",  # with pygments, its extra `cli`, which wants an older rich than textual
                "cryptography",
                "pygments",
                "pytest==8.3.4",
                "trio==0.27.0",
                "trustme",
                "uvicorn==0.32.1",
            ),
            # Its server needs port 8000: a second run or worker at the same time waits for ever.
            # What is deselected passes or fails by when the garbage collector runs.
            arguments=("-m", "not network", "--deselect", "tests/test_timeouts.py::test_write_timeout[trio]"),
        ),
        Suite(
            "starlette",
            "0.46.2",
            extras="[full]",
            requirements=("anyio==4.9.0", "httpx==0.28.1", "pytest==8.3.5", "trio==0.29.0"),
        ),
        Suite(
            "sqlmodel",
            "0.0.24",
            requirements=("dirty-equals", "fastapi==0.115.12", "httpx==0.28.1", "jinja2", "pytest==8.3.5"),
            arguments=("tests",),
        ),
        Suite("itsdangerous", "2.2.0", requirements=("freezegun", "pytest>=9")),
        Suite("click", "8.1.8", requirements=("pytest==8.3.4",)),
        Suite("jinja2", "3.1.6", requirements=("pytest==8.3.4", "trio==0.27.0")),
        Suite(
            "werkzeug",
            "3.1.3",
            requirements=(
                "cryptography",
                "ephemeral-port-reserve",
                "pytest==8.3.4",
                "pytest-timeout",
                "watchdog",
            ),
            arguments=(
                "-k",
                "not reloader",
            ),  # they wait for events of the file system that not every one has
        ),
        Suite("attrs", "25.3.0", requirements=("cloudpickle", "hypothesis", "pytest==8.4.2")),
        Suite("packaging", "25.0", requirements=("pretend", "pytest==8.4.2")),
        Suite("more-itertools", "10.7.0", requirements=("pytest==8.4.2",)),
        Suite(
            "marshmallow",
            "4.0.0",
            requirements=("pytest==8.4.2", "simplejson"),
            arguments=("-k", "not test_invalid_datetime_deserialization"),  # the time is in their ids
        ),
    )
}


def prepare(suite: Suite, cache: Path) -> Prepared:
    """Download and unpack a suite and install it, its test requirements and enctest (both editable).

    Raises:
        EnctestError: The package index has no such file, or something cannot be installed.
    """
    home = cache / f"{suite.name}-{suite.version}"
    prepared = Prepared(suite, home / "project", home / "environment" / "bin")
    stamp = home / "prepared"
    recipe = f"{suite}\n{REPOSITORY}\n{sys.version}\n"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == recipe:
        return prepared
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    _unpack(_download(suite, home), prepared.root)
    _call(sys.executable, "-m", "venv", str(prepared.bin.parent))
    project = f"{prepared.root}{suite.extras}"
    _pip(prepared.python, "install", "-e", project, "-e", str(REPOSITORY), *suite.requirements)
    stamp.write_text(recipe, encoding="utf-8")
    return prepared


def install(prepared: Prepared, name: str) -> None:
    """Install one more package where a suite is, unless it is there.

    Raises:
        EnctestError: It cannot be installed.
    """
    shown = [str(prepared.python), "-m", "pip", "-q", "--disable-pip-version-check", "show", name]
    if subprocess.run(shown, capture_output=True, check=False).returncode:
        _pip(prepared.python, "install", name)


def _download(suite: Suite, home: Path) -> Path:
    with tempfile.TemporaryDirectory(dir=home) as folder:
        wanted = f"{suite.name}=={suite.version}"
        _pip(Path(sys.executable), "download", "--no-deps", "--no-binary", suite.name, "-d", folder, wanted)
        archives = list(Path(folder).glob("*.tar.gz"))
        if len(archives) != 1:
            raise EnctestError(f"{wanted} has no source distribution")
        return archives[0].rename(home / archives[0].name)


def _unpack(archive: Path, root: Path) -> None:
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder, tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
        (unpacked,) = Path(folder).iterdir()
        unpacked.rename(root)


def _pip(python: Path, *arguments: str) -> None:
    _call(str(python), "-m", "pip", "-q", "--disable-pip-version-check", *arguments)


def _call(*command: str) -> None:
    # An environment of our own: its packages are compiled once, as in anybody's.
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EnctestError(f"{' '.join(command)} failed", done.stderr.strip())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Let a script choose the suites and the folder they are in."""
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SUITES)}; default: all")
    parser.add_argument("--cache", type=Path, default=None, help="folder to prepare them in")


def prepare_chosen(options: argparse.Namespace) -> list[Prepared]:
    """Prepare the suites that were chosen on the command line.

    Raises:
        EnctestError: A name is unknown, or a suite cannot be prepared.
    """
    cache = (options.cache or cache_folder() / "suites").resolve()
    unknown = [name for name in options.names if name not in SUITES]
    if unknown:
        raise EnctestError(f"there is no suite {unknown[0]}", f"Known are {', '.join(SUITES)}.")
    return [prepare(SUITES[name], cache) for name in options.names or SUITES]


def main() -> int:
    """Prepare the suites and print where they are."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.suites", description=__doc__)
    add_arguments(parser)
    try:
        for prepared in prepare_chosen(parser.parse_args()):
            print(prepared.suite.name, prepared.root, prepared.python, sep="\t")
    except EnctestError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
