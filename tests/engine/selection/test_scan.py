from __future__ import annotations

import os
from pathlib import Path

import pytest

from enctest.selection.boundary import Boundary
from enctest.selection.scan import environment_key, look, scan


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in ("a.py", "pkg/b.py", "data/c.json"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("1\n")
    return tmp_path


def test_only_the_projects_own_files_are_seen(root: Path) -> None:
    for folder in ("node_modules", ".enctest", ".git", "__pycache__", "env/lib/site-packages", "odd"):
        (root / folder).mkdir(parents=True)
        (root / folder / "x.py").write_text("")
    (root / "odd" / "pyvenv.cfg").write_text("")
    assert set(scan(root, {}).changes) == {"a.py", "pkg/b.py", "data/c.json"}
    boundary = Boundary(root)
    assert boundary.relative(str(root / "pkg" / "b.py")) == "pkg/b.py"
    for foreign in ("odd/x.py", "env/lib/site-packages/x.py", "../x.py"):
        assert boundary.relative(os.path.normpath(root / foreign)) is None
    assert boundary.folder(str(root)) == "./"
    assert boundary.folder(str(root / "pkg")) == "pkg/"


def test_what_is_new_changed_and_gone(root: Path) -> None:
    first = scan(root, {})
    assert not scan(root, first.stamps).changes
    (root / "a.py").write_text("2\n")
    (root / "pkg/b.py").unlink()
    (root / "new.py").write_text("")
    changes = scan(root, first.stamps).changes
    assert {path: print_ is not None for path, print_ in changes.items()} == {
        "a.py": True,
        "pkg/b.py": False,
        "new.py": True,
    }


def test_an_edit_that_keeps_size_and_time_is_seen(root: Path) -> None:
    before = (root / "a.py").stat()
    known = scan(root, {}).stamps
    (root / "a.py").write_text("2\n")
    os.utime(root / "a.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert set(scan(root, known).changes) == {"a.py"}


def test_a_touch_is_no_change(root: Path) -> None:
    known = scan(root, {}).stamps
    (root / "a.py").touch()
    found = look(root, "a.py", known["a.py"])
    assert found is not None
    assert found[1] is None


def test_fingerprints_of_another_format_are_made_anew(root: Path) -> None:
    import msgspec

    known = {p: msgspec.structs.replace(s, format="0/3.0") for p, s in scan(root, {}).stamps.items()}
    assert set(scan(root, known).changes) == set(known)


def test_a_symlinked_root_and_odd_names(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    odd = tmp_path / "real" / os.fsdecode(b"n\xff.py")
    odd.write_text("x = 1\n")
    (tmp_path / "real" / "dangling").symlink_to("nowhere")
    found = scan(tmp_path / "real", {})
    assert set(found.changes) == {odd.name}
    assert Boundary(tmp_path / "real").relative(str(tmp_path / "link" / "a.py")) == "a.py"


def test_the_environments_key_follows_what_is_installed(tmp_path: Path) -> None:
    (tmp_path / "a-1.0.dist-info").mkdir()
    before = environment_key([tmp_path, tmp_path / "missing"])
    (tmp_path / "noise").mkdir()
    assert environment_key([tmp_path]) == before
    (tmp_path / "a-1.0.dist-info").rename(tmp_path / "a-1.1.dist-info")
    assert environment_key([tmp_path]) != before
    assert environment_key([tmp_path], "3.99") != environment_key([tmp_path])
