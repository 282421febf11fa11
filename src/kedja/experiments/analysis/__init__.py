"""What finished runs say, and how sure: evaluation, statistics, comparison, selection."""
