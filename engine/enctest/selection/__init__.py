"""What a test depends on, and which tests a change can affect."""
