insert into offer (name, state) values ('pear', 'open');
