import pytest

from catalog.constants import MOST


@pytest.fixture(params=range(MOST))
def number(request):
    return request.param
