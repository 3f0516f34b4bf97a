"""What nplus1-lint costs beside other readers of the same files."""
