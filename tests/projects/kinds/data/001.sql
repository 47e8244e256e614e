create table item (name text default "x");
