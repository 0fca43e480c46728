"""What can be wrong with a cluster file: plain functions, each of which yields what it finds."""
