from pathlib import Path


def test_report(snapshot):
    assert {"name": "thing", "price": 10} == snapshot


def test_approved():
    assert "total: 3\n" == (Path(__file__).parent / "approved" / "report.txt").read_text()
