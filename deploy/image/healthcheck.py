"""Exit with 0 where the server in this container is ready. Standard library only: an image needs no curl for it."""

import http.client
import os
import sys

if __name__ == "__main__":
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("KEDJA_PORT", "8000")), timeout=2)
    try:
        connection.request("GET", "/health/ready")
        status = connection.getresponse().status
    except OSError as error:
        sys.exit(f"no answer: {error}")
    sys.exit(0 if status == 200 else f"status {status}")
