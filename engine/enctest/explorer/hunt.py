"""The hunt for a polluter: which test must run before another one for that to fail?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from enctest.events import Hunted

Fails = Callable[[Sequence[str]], Awaitable[bool | None]]
"""Runs these tests in this order, the victim last; True when the victim fails, None when it did not run."""


class Hunt:
    """One hunt, by bisection.

    Args:
        victim: Node id of the test that fails in the suite and passes alone.
        before: Tests that run before it in the suite, in order.
        fails: Runs tests.
        publish: Takes a `Hunted` after each try.
    """

    def __init__(
        self, victim: str, before: Sequence[str], fails: Fails, publish: Callable[[Hunted], None]
    ) -> None:
        self._victim = victim
        self._before = list(before)
        self._fails = fails
        self._publish = publish
        self._tries = 0
        self._left = len(self._before)

    async def go(self) -> Hunted:
        """Hunt; return the last word, which is published as well."""
        found = await self._hunt()
        self._publish(found)
        return found

    def stopped(self, message: str) -> Hunted:
        """Return the word for a hunt that was ended."""
        return self._told("stopped", message=message)

    async def _hunt(self) -> Hunted:
        alone = await self._try([])
        if alone is None:
            return self._told("nothing", message="it did not run")
        if alone:
            return self._told("nothing", message="it fails alone as well: no other test is to blame")
        if not self._before:
            return self._told("nothing", message="it passes, and no test runs before it")
        if not await self._try(self._before):
            return self._told(
                "nothing", message=f"it passes after all {len(self._before)} tests that run before it"
            )
        polluters = await self._narrow([], self._before)
        return self._told("found", polluters=tuple(polluters))

    async def _narrow(self, needed: list[str], suspects: list[str]) -> list[str]:
        """Return the fewest of the suspects with which, after `needed`, the victim fails."""
        self._left = len(suspects)
        if len(suspects) == 1:
            return suspects
        middle = len(suspects) // 2
        first, second = suspects[:middle], suspects[middle:]
        if await self._try([*needed, *second]):
            return await self._narrow(needed, second)
        if await self._try([*needed, *first]):
            return await self._narrow(needed, first)
        early = await self._narrow([*needed, *second], first)  # it takes tests of both halves
        late = await self._narrow([*needed, *early], second)
        return [*early, *late]

    async def _try(self, tests: Sequence[str]) -> bool | None:
        in_order = [test for test in self._before if test in set(tests)]
        failed = await self._fails([*in_order, self._victim])
        self._tries += 1
        self._publish(self._told("hunting"))
        return failed

    def _told(self, state: str, *, polluters: tuple[str, ...] = (), message: str = "") -> Hunted:
        return Hunted(
            test=self._victim,
            state=state,  # type: ignore[arg-type]
            polluters=polluters,
            tries=self._tries,
            left=self._left,
            message=message,
        )
