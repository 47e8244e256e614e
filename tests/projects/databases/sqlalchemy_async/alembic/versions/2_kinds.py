"""Kinds of accounts, and the first one.

Revision ID: 2
"""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"

kind = sa.Enum("private", "business", name="kind")


def upgrade() -> None:
    kind.create(op.get_bind())
    op.add_column("account", sa.Column("kind", kind, nullable=False, server_default="private"))
    op.execute("insert into account (id, owner) values (1, 'the bank')")
    op.execute("alter sequence account_id_seq restart with 2")


def downgrade() -> None:
    op.drop_column("account", "kind")
    kind.drop(op.get_bind())
