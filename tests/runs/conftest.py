from support.finished_runs import make_run

__all__ = ["make_run"]  # a fixture
