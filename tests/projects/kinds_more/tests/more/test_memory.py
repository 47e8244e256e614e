from catalog.memory import RATES


def test_rate_first():
    assert RATES.rate() == "made"


def test_rate_second():
    assert RATES.rate() == "made"


def test_count_first():
    assert RATES.count == 3


def test_count_second():
    assert RATES.count == 3
