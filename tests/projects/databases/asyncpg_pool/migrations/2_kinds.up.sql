create type kind as enum ('private', 'business');
alter table account add kind kind not null default 'private';
insert into account (id, owner) values (1, 'the bank');
alter sequence account_id_seq restart with 2;
