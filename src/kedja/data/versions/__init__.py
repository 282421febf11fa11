"""Data sets pinned in `data.dvc`, kept in DVC's cache, pushed, pulled, made again."""
