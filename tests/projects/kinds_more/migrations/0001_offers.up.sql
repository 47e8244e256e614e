create table offer (name text primary key, state text not null default 'draft');
