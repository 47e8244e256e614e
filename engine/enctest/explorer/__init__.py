"""The conductor: change -> affected -> run -> fold -> publish to the front ends."""
