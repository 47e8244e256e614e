INSERT INTO items (name) VALUES ('tea');
