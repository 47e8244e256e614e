import sqlalchemy as sa
from alembic import op

from shop.names import PRICE

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("items", sa.Column(PRICE, sa.Integer, server_default="1", nullable=False))
    op.execute("INSERT INTO items (name) VALUES ('tea')")
