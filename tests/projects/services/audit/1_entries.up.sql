CREATE TABLE entry (what text NOT NULL);
