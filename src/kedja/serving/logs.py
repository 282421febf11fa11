"""Logs as one JSON object a line on standard error."""

import logging
import sys
import time
from typing import Any

import msgspec


class JsonLines(logging.Formatter):
    """`time` (UTC), `level`, `logger`, `message`, whatever `extra={"fields": {…}}` adds, and a traceback as text."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def configure() -> None:
    """Everything that is logged in this process, as JSON lines; uvicorn's own chatter from warnings up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    # Pillow calls some broken images errors; they are their sender's, who is told in the answer.
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
