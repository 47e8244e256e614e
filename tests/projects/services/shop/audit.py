"""What happened, written down in a database of its own, and told once it is committed."""

import psycopg

from enctest import Database, Service, Topic, api, outbox

audit = Database("audit", migrations="audit")  # made so in tests; in production, AUDIT_DATABASE_URL says where
noted = Topic[str]("noted")


class Audit(Service):
    @api
    def note(self, what: str) -> int:
        """Note something; return how much there is."""
        with psycopg.connect(audit.url) as connection:
            connection.execute("INSERT INTO entry VALUES (%s)", [what])
            outbox.publish(connection, noted, what)
            row = connection.execute("SELECT count(*) FROM entry").fetchone()
        return row[0] if row else 0
