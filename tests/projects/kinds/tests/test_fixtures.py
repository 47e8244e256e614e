def test_shared_first(shared):
    assert shared == 7


def test_shared_second(shared):
    assert shared == 7


def test_outer_first(outer):
    assert outer == 7


def test_outer_second(outer):
    assert outer == 7


def test_fresh(fresh):
    assert fresh == "fresh"


def test_database_first(database):
    assert database.execute("select name from item").fetchone() == ("x",)


def test_database_second(database):
    assert database.execute("select name from item").fetchone() == ("x",)
