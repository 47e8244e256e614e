from catalog import config


def test_region():
    assert config.REGION == "eu"


def test_level():
    assert config.level() == "info"


def test_level_of_its_own(monkeypatch):
    monkeypatch.setenv("SHOP_LEVEL", "debug")
    assert config.level() == "debug"


def test_greeting():
    assert config.greeting() == "hello"


def test_is_not_frozen():
    assert not config.is_frozen()
