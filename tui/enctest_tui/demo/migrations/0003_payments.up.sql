-- Payments belong to another service: it knows an order by its number only.
CREATE TABLE payments (
    order_id  bigint PRIMARY KEY,
    amount    integer NOT NULL CHECK (amount > 0),
    card      text NOT NULL,  -- masked: the last four digits
    reference text NOT NULL UNIQUE,
    paid_at   timestamptz NOT NULL DEFAULT now()
);
