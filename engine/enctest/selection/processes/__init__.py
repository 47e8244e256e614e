"""What Python processes that a test starts do: recorded in them, and credited to what started them."""
