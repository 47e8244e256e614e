def test_number(number):
    assert number < 5
