CREATE TYPE order_status AS ENUM ('pending', 'paid', 'declined');

CREATE TABLE orders (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer        text NOT NULL,
    status          order_status NOT NULL DEFAULT 'pending',
    goods           integer NOT NULL,
    bulk_discount   integer NOT NULL DEFAULT 0,
    coupon_discount integer NOT NULL DEFAULT 0,
    shipping        integer NOT NULL DEFAULT 0,
    total           integer GENERATED ALWAYS AS (goods - bulk_discount - coupon_discount + shipping) STORED,
    placed_at       timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX orders_by_customer ON orders (customer, placed_at);

CREATE TABLE order_lines (
    order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
    sku      text NOT NULL REFERENCES products,
    name     text NOT NULL,
    price    integer NOT NULL,
    quantity integer NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, sku)
);
