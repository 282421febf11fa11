"""Ask a service for its golden answers; without `url`, one is started for the purpose: `just smoke`."""

from dataclasses import dataclass
from pathlib import Path

from kedja import cli
from kedja.delivery import service, smoke


@dataclass
class Options:
    """just smoke: post the bundle's golden examples to a service and compare its answers with training's."""

    bundle: Path = cli.option(Path("bundle"), "the bundle that is served", metavar="path")
    url: str | None = cli.option(
        None, "a running service; without one, a service is started and stopped", metavar="http://host:port"
    )
    seconds: float = cli.option(30.0, "how long it may take to get ready")


def main(options: Options) -> None:
    """Start where needed, wait, ask, stop."""
    if options.url is None:
        with service.running(options.bundle, options.seconds) as (address, ready):
            ask(address, ready, options.bundle)
    else:
        address = options.url.rstrip("/")
        ask(address, smoke.wait_until_ready(address, options.seconds), options.bundle)


def ask(address: str, ready: float, bundle: Path) -> None:
    """Compare and print."""
    largest = smoke.ask_golden(address, bundle)
    print(f"{address}: ready after {ready:.2f} s; golden answers right, largest difference {largest:.1e}")


if __name__ == "__main__":
    cli.run(main, Options)
