"""What an edit of a file means for what was found before it."""
