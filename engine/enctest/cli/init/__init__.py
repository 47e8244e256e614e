"""`enctest init`: looks at the project, shows the configuration it would write, and writes it on a yes."""
