from yoyo import step

step("CREATE TABLE items (id serial PRIMARY KEY, name text NOT NULL)", "DROP TABLE items")
