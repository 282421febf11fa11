"""From a question to an answer: grid, baselines, selection, statistics, report; training runs as subprocesses."""
