-- depends: 0001-items

ALTER TABLE items ADD price int NOT NULL DEFAULT 1;
