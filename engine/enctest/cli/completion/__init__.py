"""`enctest completion`: what bash, zsh and fish need to complete the words of `enctest` and `enctest-tui`."""
