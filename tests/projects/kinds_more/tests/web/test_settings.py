from django.conf import settings


def test_page_size():
    assert settings.PAGE_SIZE == 10


def test_hosts():
    assert settings.ALLOWED_HOSTS == ["*"]
