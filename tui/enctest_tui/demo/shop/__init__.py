"""A small shop: catalogue, orders and payments, each a service of its own."""
