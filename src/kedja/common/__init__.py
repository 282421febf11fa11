"""What every room may use: errors, files, locks, processors, progress. Standard library and numpy."""
