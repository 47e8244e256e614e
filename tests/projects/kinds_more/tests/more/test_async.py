import asyncio


async def test_waits():
    await asyncio.sleep(0)
