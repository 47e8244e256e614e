import pytest
from django.db import connection


@pytest.mark.django_db
def test_pytest_django_makes_its_own_database():
    assert connection.settings_dict["NAME"].startswith("test_shop")
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolcreatedb FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (True,)
