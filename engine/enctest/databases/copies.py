"""The copies that tests get one by one: a table in the cluster, for every process of the project.

A copy is `ready` (made ahead), `used` (a worker's, under the name that the application knows or about to get
it), `kept` (of a test that failed) or `trash` (to be dropped by a filler).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from enctest.databases.protocol import Connection

CHANNEL = "enctest_copies"
"""Where fillers listen: a copy was taken, or given back."""
OF_WORKER = "_worker_"
"""Between the name of a run's database and its worker's."""
KEPT = 5
"""Copies of failed tests kept for each database."""
_OURS = 1701733237  # advisory lock, while the table is made
# Planned once for all tests; they are run one by one within a test's set-up.
_STATEMENTS = """
prepare enctest_aside(text) as
    update pg_database set datname = 'enctest_copy_of_' || oid where datname = $1;
prepare enctest_name(text, oid, int) as
    update pg_database set datname = $1, datconnlimit = $3 where oid = $2;
prepare enctest_sessions as
    select pid, datid, state, client_port from pg_stat_get_activity(null)
    where backend_type = 'client backend';
prepare enctest_end(oid) as
    select pg_terminate_backend(pid) from pg_stat_get_activity(null) where datid = $1;
prepare enctest_discard(oid) as update enctest.copies set state = 'trash' where oid = $1;
prepare enctest_ahead(text, text) as
    update enctest.copies c set state = 'used', owner = $1 from pg_database d
    where d.oid = c.oid and c.oid = (
        select oid from enctest.copies where state = 'ready' and template = $2 limit 1
        for update skip locked)
    returning c.oid, datname;
prepare enctest_moment(oid) as select clock_timestamp(), pg_stat_get_db_sessions($1);
prepare enctest_turn(text, oid, oid, timestamptz, text, boolean, int) as
    with touching as materialized (
        select pid, state from pg_stat_get_activity(null)
        where datid = $3 and (state_change > $4 or state is distinct from 'idle')),
    verdict as materialized (
        select $6 or exists (select from touching) or pg_stat_get_db_sessions($3)::text <> $5 as is_used),
    aside as (
        update pg_database set datname = 'enctest_copy_of_' || oid
        where datname = $1 and (select is_used from verdict) returning oid),
    named as (
        update pg_database set datname = $1, datconnlimit = $7
        where oid = $2 and (select is_used from verdict)
        and (select count(*) from aside) >= 0 returning oid)  -- not before it; there may be none
    select is_used, clock_timestamp(), pg_stat_get_db_sessions($2), pid, state, (select oid from named)
    from verdict left join touching on true;
prepare enctest_touching(oid, timestamptz) as
    select pid, state, pg_stat_get_db_sessions($1) from (values (1)) one
    left join pg_stat_get_activity(null)
        on datid = $1 and (state_change > $2 or state is distinct from 'idle')
"""
_TABLE = """
do $$ begin
    if to_regclass('enctest.copies') is null then
        create schema enctest;
        create unlogged table enctest.copies (
            oid oid primary key, template text not null, database text not null, state text not null,
            owner text not null default '', test text not null default '',
            at timestamptz not null default now());
        create sequence enctest.numbers;
    end if;
end $$"""


@dataclass(frozen=True)
class Copy:
    """A database: its oid, which it has for good, and its name, unless that has been taken from it."""

    oid: int
    name: str = field(compare=False)

    def aside(self) -> Copy:
        """Return it under the name that it has once another database has its own."""
        return Copy(self.oid, f"enctest_copy_of_{self.oid}")


@dataclass(frozen=True)
class Activity:
    """What a session is on: its database's oid, its state, its client's TCP port (or -1)."""

    database: int
    state: str
    port: int

    @property
    def is_idle(self) -> bool:
        """Whether it waits for its client."""
        return self.state.startswith("idle")


@dataclass(frozen=True)
class Moment:
    """When a copy was handed over.

    Attributes:
        at: By the server's clock.
        sessions: How many sessions the copy had had by then.
    """

    at: str
    sessions: str


def prepare(connection: Connection) -> None:
    """Make the table, unless it is there."""
    if connection.value("select to_regclass('enctest.copies')") is None:
        # A statement of its own: one that has begun does not see what was made while it waited.
        connection.query(f"select pg_advisory_lock({_OURS})")
        try:
            connection.query(_TABLE)
        finally:
            connection.query(f"select pg_advisory_unlock({_OURS})")


def plan(connection: Connection) -> None:
    """Make a session ready for `name_over`, `end` and `touching`."""
    prepare(connection)
    connection.query(_STATEMENTS)


def new_name(connection: Connection) -> str:
    """Return a name for a copy that waits."""
    return "enctest_copy_" + (connection.value("select nextval('enctest.numbers')") or "")


def add(connection: Connection, name: str, template: str, database: str, *, owner: str = "") -> Copy:
    """Note a copy: ready, or used by `owner`.

    Args:
        connection: A superuser's session with the database `postgres`.
        name: Its name on the server.
        template: The template's name.
        database: The name that was declared.
        owner: Name of the database that a worker was lent.
    """
    oid = connection.value(
        "insert into enctest.copies (oid, template, database, state, owner) "
        "select oid, $2, $3, $4, $5 from pg_database where datname = $1 "
        "on conflict (oid) do update set state = excluded.state, owner = excluded.owner returning oid",
        name,
        template,
        database,
        "used" if owner else "ready",
        owner,
    )
    return Copy(int(oid or 0), name)


def claim(connection: Connection, template: str, owner: str) -> Copy | None:
    """Take a copy that is ready; None when there is none."""
    rows = connection.query(
        "update enctest.copies c set state = 'used', owner = $2 from pg_database d "
        "where d.oid = c.oid and c.oid = (select oid from enctest.copies "
        "where state = 'ready' and template = $1 limit 1 for update skip locked) returning c.oid, datname",
        template,
        owner,
    )
    return Copy(int(rows[0][0] or 0), rows[0][1] or "") if rows else None


def ready(connection: Connection, template: str) -> int:
    """Return how many copies of a template wait."""
    sql = "select count(*) from enctest.copies where state = 'ready' and template = $1"
    return int(connection.value(sql, template) or 0)


def disown(connection: Connection, owner: str) -> list[str]:
    """Forget what was used by who was lent `owner`, and by workers of its run.

    Returns:
        Names of databases for the caller to drop, `owner` itself not among them.
    """
    if connection.value("select to_regclass('enctest.copies')") is None:
        return []
    rows = connection.query(
        "with gone as (delete from enctest.copies where state = 'used' "
        "and (owner = $1 or starts_with(owner, $1 || $2)) returning oid) "
        "select datname from pg_database where oid in (select oid from gone) and datname <> $1",
        owner,
        OF_WORKER,
    )
    return [name for (name,) in rows if name]


def name_over(connection: Connection, name: str, new: Copy, limit: int) -> Moment:
    """Give the name `name` to `new`, which may have `limit` sessions; from now on a test has it.

    `alter database` refuses while there are sessions, out of care for clients that remember the name. Ours
    are to keep it, and sessions know their database by its oid, so the catalog is changed.
    """
    ((at, sessions),) = connection.query(
        "execute enctest_aside($1); execute enctest_name($1, $2, $3); execute enctest_moment($2)",
        name,
        str(new.oid),
        str(limit),
    )
    return Moment(at or "", sessions or "")


def turn(
    connection: Connection, name: str, old: Copy, new: Copy, since: Moment, *, limit: int, anyway: bool
) -> tuple[Moment | None, dict[int, str]]:
    """Do `touching`, and if anybody has done something with `old`, or `anyway`, do `name_over`.

    Returns:
        When it was done, None if not; and state by process id, as in `touching`.
    """
    rows = connection.query(
        "execute enctest_turn($1, $2, $3, $4, $5, $6, $7)",
        name,
        str(new.oid),
        str(old.oid),
        since.at,
        since.sessions,
        str(anyway),
        str(limit),
    )
    is_used, at, sessions, *_ = rows[0]
    moment = Moment(at or "", sessions or "") if is_used == "t" else None
    return moment, {int(pid): state or "" for _, _, _, pid, state, _ in rows if pid}


def sessions(connection: Connection) -> dict[int, Activity]:
    """Return what clients' sessions are on, by the server's process ids."""
    rows = connection.query("execute enctest_sessions")
    return {
        int(pid or 0): Activity(int(oid or 0), state or "", int(port or 0)) for pid, oid, state, port in rows
    }


def end(connection: Connection, old: Copy, *, discard: bool, template: str = "", owner: str = "") -> None:
    """End what is left on `old`, and take a copy of a template for later, if one is given; see `ahead`.

    With `discard`, `old` goes to whoever drops copies. Nobody waits for any of that: `connection` is to be
    used again only after `ahead`.
    """
    connection.ask(
        "execute enctest_end($1); "
        "execute enctest_discard($2); notify enctest_copies; execute enctest_ahead($3, $4)",
        str(old.oid),
        str(old.oid if discard else 0),
        owner,
        template,
    )


def ahead(connection: Connection) -> Copy | None:
    """Return the copy that `end` has taken, if one was ready."""
    rows = connection.answer()
    return Copy(int(rows[0][0] or 0), rows[0][1] or "") if rows else None


def touching(connection: Connection, copy: Copy, since: str) -> tuple[dict[int, str], str]:
    """Return who has done something with a copy, and how many sessions it ever had.

    Args:
        connection: A superuser's session with the database `postgres`.
        copy: The copy.
        since: A moment of the server's.

    Returns:
        State by process id, of sessions that did something since or are in the middle of it; and a number.
    """
    rows = connection.query("execute enctest_touching($1, $2)", str(copy.oid), since)
    return {int(pid): state or "" for pid, state, _ in rows if pid}, rows[0][2] or ""


def keep(connection: Connection, copy: Copy, database: str, test: str) -> None:
    """Keep a used copy, for a look at what `test` made of it; of each database the last few are kept."""
    connection.query(
        "update enctest.copies set state = 'kept', test = $2, at = now() where oid = $1::oid; "
        "update enctest.copies set state = 'trash' where oid in (select oid from enctest.copies "
        "where state = 'kept' and database = $3 order by at desc offset $4::int); notify enctest_copies",
        str(copy.oid),
        test,
        database,
        str(KEPT),
    )


def discard(connection: Connection, copy: Copy) -> None:
    """Give a used copy to whoever drops them."""
    connection.query(
        "update enctest.copies set state = 'trash' where oid = $1::oid; notify enctest_copies", str(copy.oid)
    )


def put_aside(connection: Connection, name: str) -> None:
    """Take the name `name` from the database that has it."""
    connection.query("update pg_database set datname = 'enctest_copy_of_' || oid where datname = $1", name)
