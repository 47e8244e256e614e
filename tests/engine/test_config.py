from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from enctest import config
from enctest.errors import EnctestError
from enctest.paths import Project, find_root


def test_no_pyproject_means_defaults(tmp_path: Path) -> None:
    assert config.load(tmp_path) == config.Settings()


def test_databases_are_read_with_their_names(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.enctest.databases.shop]\nmigrations = "migrations"\nenv = {PGHOST = "{host}"}\n'
    )
    settings = config.load(tmp_path)
    assert settings.databases["shop"].migrations == "migrations"
    assert settings.databases["shop"].env == {"PGHOST": "{host}"}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[tool.enctest\n", "not valid TOML"),
        ("[tool.enctest]\nspanz = true\n", "spanz"),
        ("[tool.enctest]\nspans = 3\n", "spans"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, part: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(EnctestError) as caught:
        config.load(tmp_path)
    assert part in caught.value.title
    assert str(tmp_path) in caught.value.title
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "table", "hint"),
    [
        ("[tool.enctest]\nspanz = true\n", "[tool.enctest]", "Did you mean 'spans'?"),
        ("[tool.enctest]\nsnapshot_memory = 3\n", "[tool.enctest]", "Did you mean 'snapshot-memory'?"),
        ("[tool.enctest]\nmigrations = 'm'\n", "[tool.enctest]", "[tool.enctest.databases.NAME]"),
        ("[tool.enctest]\nqqq = 1\n", "[tool.enctest]", "There are: "),
        (
            "[tool.enctest.databases.shop]\nmigration = 'm'\n",
            "[tool.enctest.databases.shop]",
            "Did you mean 'migrations'?",
        ),
    ],
)
def test_an_unknown_setting_is_an_error_with_a_suggestion(
    tmp_path: Path, text: str, table: str, hint: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(EnctestError) as caught:
        config.load(tmp_path)
    assert caught.value.title.startswith(table)
    assert hint in caught.value.hint


def test_the_root_is_the_nearest_project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert find_root(deep) == tmp_path


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime folder whose path leaves room for a socket."""
    with tempfile.TemporaryDirectory(prefix="et-") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


@pytest.mark.usefixtures("short")
def test_state_is_private_and_ignores_itself(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    project = Project.find(tmp_path)
    assert project.state == tmp_path / ".enctest"
    assert (project.state / ".gitignore").read_text() == "*\n"
    assert project.state.stat().st_mode & 0o777 == 0o700
    assert project.runtime.stat().st_mode & 0o777 == 0o700


def test_a_runtime_folder_open_to_others_is_refused(tmp_path: Path, short: Path) -> None:
    Project.find(tmp_path)
    next(short.glob("enctest-*")).chmod(0o755)
    with pytest.raises(EnctestError, match="not private"):
        Project.find(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('off = ["repeated-querys"]', "names an unknown kind: 'repeated-querys'"),
        ('silence = { flakey = ["*"] }', "[tool.enctest.findings.silence]"),
        ("of = []", "unknown field `of`"),
    ],
)
def test_a_kind_of_finding_that_does_not_exist_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.enctest.findings]\n{text}\n")
    with pytest.raises(EnctestError) as caught:
        config.load(tmp_path)
    assert said in caught.value.title
    if "unknown kind" in caught.value.title:
        assert caught.value.hint.startswith(("Did you mean 'repeated-query'?", "Did you mean 'flaky'?"))


def test_findings_are_silenced_by_kind_and_pattern(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.enctest.findings]\noff = ["slow"]\nsilence = { "*" = ["tests/load/*"], flaky = ["a"] }\n'
    )
    settings = config.load(tmp_path).findings
    assert settings.off == ["slow"]
    assert settings.silence == {"*": ["tests/load/*"], "flaky": ["a"]}
