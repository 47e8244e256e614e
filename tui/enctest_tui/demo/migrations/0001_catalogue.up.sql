CREATE TABLE products (
    sku        text PRIMARY KEY,
    name       text NOT NULL,
    category   text NOT NULL,
    price      integer NOT NULL CHECK (price > 0),  -- cents
    stock      integer NOT NULL DEFAULT 0 CHECK (stock >= 0),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX products_by_category ON products (category, name);
