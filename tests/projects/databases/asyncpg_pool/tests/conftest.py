import pytest


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
async def one_loop(anyio_backend):
    """One loop for all tests, as the pool's connections belong to one."""
    yield
