"""Carries out the steps of a plan on one database, within the time they may take."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from threading import Event, Thread

from enctest.databases import migrations, tools
from enctest.databases.cluster import MIGRATOR, Cluster
from enctest.databases.extensions import check_extensions
from enctest.databases.migrations import Migration
from enctest.databases.plans import Plan
from enctest.databases.protocol import Connection, ServerError
from enctest.databases.sources import Tool
from enctest.databases.urls import Location, env_of_postgresql
from enctest.errors import EnctestError

_CANCELLED = {"57014", "57P01"}
_GRACE = 2.0
"""Seconds that a cancelled statement has until its session is ended."""


def carry_out(cluster: Cluster, plan: Plan, first: int, end: int, database: str) -> None:
    """Run the steps of `plan` from number `first` up to `end` on the database of that name.

    Raises:
        EnctestError: A step failed or took too long.
        OSError: The server went away.
        ServerError: It refused.
    """
    with cluster.connect(database, MIGRATOR) as connection:
        pid = connection.value("select pg_backend_pid()") or "0"
        check_extensions(connection, cluster.binaries, plan, plan.steps[first:end])
        for number, step in enumerate(plan.steps[first:end], start=first):
            what = "migration" if number < len(plan.migrations) else "seeding"
            doing = f"{what} of database {plan.database}"
            if isinstance(step, Tool):
                _run_tool(cluster, plan, step, database, doing)
            else:
                connection.query("discard all")  # a file finds the same session, wherever we begin
                _run_file(cluster, connection, pid, plan, step, doing)


def _run_file(
    cluster: Cluster, connection: Connection, pid: str, plan: Plan, step: Migration, doing: str
) -> None:
    seconds = plan.settings.migration_timeout
    with _limit(cluster, pid, seconds) as expired:
        try:
            migrations.apply(connection, step, doing=doing, root=plan.root)
        except EnctestError as error:
            cause = error.__cause__
            if not expired.is_set() or not isinstance(cause, ServerError) or cause.sqlstate not in _CANCELLED:
                raise
            raise EnctestError(
                error.title.replace(str(cause), f"not done after {seconds:g} s"),
                f"{error.hint}\n`migration-timeout` sets how long it may take.",
            ) from cause


def _run_tool(cluster: Cluster, plan: Plan, tool: Tool, database: str, doing: str) -> None:
    before = tool.digest()
    tools.run(
        tool,
        _location(cluster, database, tcp=plan.settings.tcp),
        plan.settings,
        root=plan.root,
        doing=doing,
        interrupted=lambda: cluster.is_interrupted,
    )
    if tool.digest() != before:
        raise EnctestError(
            f"{doing} failed: its files changed while {tool} ran", "It is done again by itself."
        )
    with cluster.connect(database, MIGRATOR) as connection:
        if tool.kind != "command" and connection.value(_HAS_NO_TABLES) == "t":
            raise EnctestError(
                f"{doing} failed: {tool} ended well, but there is no table in the database",
                f"Does it take its URL from {_variables(plan)}? It may have migrated another database.",
            )


_HAS_NO_TABLES = "select not exists (select from pg_class where oid >= 16384 and relkind in ('r', 'p'))"


def _variables(plan: Plan) -> str:
    env = env_of_postgresql(plan.settings)
    return env if isinstance(env, str) else ", ".join(env)


def _location(cluster: Cluster, database: str, *, tcp: bool) -> Location:
    access = cluster.access
    if tcp:
        return Location("127.0.0.1", access.port, MIGRATOR, access.password, database)
    return Location(str(cluster.socket_folder), access.port, MIGRATOR, "", database)


@contextlib.contextmanager
def _limit(cluster: Cluster, pid: str, seconds: float) -> Iterator[Event]:
    """Cancel what the server's process `pid` does after `seconds`; the event that is yielded is set then.

    From outside: dumps begin with `set statement_timeout = 0`.
    """
    done, expired = Event(), Event()

    def watch() -> None:
        if done.wait(seconds):
            return
        expired.set()
        with (
            contextlib.suppress(OSError, ServerError),
            cluster.connect() as killer,
        ):  # gone: so is the session
            killer.query("select pg_cancel_backend($1::int)", pid)
            if not done.wait(_GRACE):
                killer.query("select pg_terminate_backend($1::int)", pid)

    thread = Thread(target=watch, name="enctest-migration-timeout", daemon=True)
    thread.start()
    try:
        yield expired
    finally:
        done.set()
        thread.join()
