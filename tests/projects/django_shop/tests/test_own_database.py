import pytest
from django.db import connection


@pytest.mark.django_db
def test_the_role_may_make_databases():
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolcreatedb FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (True,)
