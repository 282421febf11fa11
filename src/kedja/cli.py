"""`key=value` command lines for the scripts: parsing into a dataclass, help, errors, interrupts.

A script declares its keys as a dataclass, one `option(default, "meaning")` a field, and ends with
`cli.run(main, Options)`. Standard library only, so that `scripts/serve.py` stays light.
"""

import dataclasses
import io
import os
import re
import signal
import subprocess
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from kedja.common.errors import KedjaError
from kedja.common.options import convert, data_set, not_a_pair, option, required, spellings, unknown
from kedja.common.outside import printable
from kedja.common.paths import placed, take_place
from kedja.common.refusals import refusal_of
from kedja.common.terminal import align, fold_output, width

__all__ = [
    "align",
    "call",
    "convert",
    "data_set",
    "help_text",
    "next_step",
    "option",
    "parse",
    "required",
    "run",
    "run_guarded",
    "type_name",
]

T = TypeVar("T")

EXIT_USER_ERROR = 1
EXIT_INTERRUPTED = 130
# Set for programs that another one of ours calls.
WITHIN = "KEDJA_WITHIN"
JUST = "KEDJA_JUST"


def run(main: Callable[[T], int | None], options: type[T], environment_prefix: str = "") -> None:
    """Parse `sys.argv` into `options`, call `main`, and exit with its status.

    Fields may also be given as environment variables `<environment_prefix><KEY>` where a prefix
    is given; the command line wins.
    """
    run_guarded(lambda arguments: main(parse(options, arguments, _from_environment(options, environment_prefix))))


def run_guarded(main: Callable[[list[str]], int | None]) -> None:
    """Call `main(arguments)`; a `KedjaError` becomes its message, Ctrl-C and SIGTERM a quiet exit.

    What the system refuses (a full disk, a folder that is not ours) is a message too. Anything else is a fault of
    ours: its traceback is shown, and a report asked for.

    `--debug` among the arguments (or KEDJA_DEBUG=1) shows the traceback instead.
    """
    arguments = sys.argv[1:]
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal cannot show is written out, it does not end the program.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    fold_output()
    take_place()
    debug = "--debug" in arguments or os.environ.get("KEDJA_DEBUG") == "1"
    arguments = [a for a in arguments if a != "--debug"]
    previous = signal.signal(signal.SIGTERM, _raise_interrupt)
    try:
        status = main(arguments)
    except KeyboardInterrupt:
        if debug:
            raise
        print("interrupted: what was finished is kept; run the same command again to continue", file=sys.stderr)
        status = EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`just … | head`); that is no error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except Exception as error:
        if debug:
            raise
        status = _fail(error)
    finally:
        signal.signal(signal.SIGTERM, previous)
    sys.exit(status or 0)


def _fail(error: Exception) -> int:
    """Say what went wrong, on standard error."""
    known = refusal_of(error)
    if known is None:
        sys.excepthook(type(error), error, error.__traceback__)
        print("This is a fault of Kedja. Please report it with the lines above (CONTRIBUTING.md)", file=sys.stderr)
    else:
        print(printable(f"error: {known}"), file=sys.stderr)
    return EXIT_USER_ERROR


def parse(options: type[T], arguments: Sequence[str], defaults: Mapping[str, str] | None = None) -> T:
    """Build `options` from `key=value` arguments.

    Raises:
        KedjaError: an unknown key (names the nearest valid one), a value of the wrong type, a key
            given twice, or an argument without `=`.
        SystemExit: after printing the help, for `--help` or `-h`.
    """
    if any(argument in ("--help", "-h") for argument in arguments):
        print(help_text(options))
        raise SystemExit(0)
    types_of = typing.get_type_hints(options)
    fields = {field.name: field for field in dataclasses.fields(options) if field.init}  # type: ignore[arg-type]
    values = {key: _value(key, text, fields[key], types_of[key]) for key, text in (defaults or {}).items()}
    given: set[str] = set()
    known = spellings(fields.values())
    for argument in arguments:
        key, equals, text = argument.partition("=")
        if not equals:
            raise not_a_pair(argument, arguments, list(fields))
        if key not in known:
            raise unknown(key, list(fields))
        key = known[key]
        if key in given:
            raise KedjaError(f"{key} is given twice", "keep one of them")
        given.add(key)
        values[key] = _value(key, text, fields[key], types_of[key])
    for name, field in fields.items():
        has_default = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if name not in values and not has_default:
            raise KedjaError(f"{name}=… is missing", field.metadata.get("meaning", ""))
    return options(**values)


def _value(key: str, text: str, field: "dataclasses.Field[Any]", kind: Any) -> Any:
    return convert(key, placed(f"{key}={text}", field, kind).partition("=")[2], kind)


def settled(options: type, arguments: Sequence[str]) -> list[str]:
    """The arguments as another program may be given them: paths as they are meant here."""
    types_of = typing.get_type_hints(options)
    fields = {field.name: field for field in dataclasses.fields(options)}
    known = spellings(fields.values())
    names = [known.get(argument.partition("=")[0], "") for argument in arguments]
    return [
        placed(argument, fields[name], types_of[name]) if name else argument
        for name, argument in zip(names, arguments, strict=True)
    ]


def help_text(options: type) -> str:
    """Usage, keys with types and defaults, and meanings, from the dataclass and its docstring."""
    types_of = typing.get_type_hints(options)
    rows = []
    for field in dataclasses.fields(options):
        if not field.init:
            continue
        rows.append(
            (
                f"{field.name}={field.metadata.get('metavar') or type_name(types_of[field.name])}",
                _default_text(field),
                field.metadata.get("meaning", ""),
            )
        )
    return "\n".join([(options.__doc__ or "").strip(), "", *align(["key", "default", "meaning"], rows)])


def call(module: str, *arguments: str) -> None:
    """`python -m module` in a process of its own, its output going where ours goes.

    Raises:
        KedjaError: it failed (its own message has been printed).
    """
    command = [sys.executable, "-m", module, *arguments]
    status = subprocess.run(command, check=False, env={**os.environ, WITHIN: "1"}).returncode
    if status == EXIT_INTERRUPTED:
        raise KeyboardInterrupt
    if status:
        raise KedjaError(f"{module} failed with status {status}", "its message is above")


def typed(command: str) -> str:
    """The command as this shell has it: `scripts/just.sh` says so where `just` is not on its PATH."""
    return re.sub(r"^just\b", lambda _: os.environ.get(JUST, "just"), command)


def next_step(command: str, why: str = "") -> None:
    """The line that a recipe ends with; nothing within another one, which has a next step of its own."""
    if os.environ.get(WITHIN) != "1":
        line = printable(f"next: {typed(command)}" + (f"   # {why}" if why else ""))
        columns = width()
        print(line.replace("   # ", "\n      # ") if columns and len(line) > columns else line)


def type_name(kind: Any) -> str:
    """A type as people write it: `int`, `fp32|bf16`, `path`, `number,number,…`."""
    origin, parameters = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return "|".join(str(p) for p in parameters)
    if origin in (types.UnionType, typing.Union):
        return "|".join("none" if p is type(None) else type_name(p) for p in parameters)
    if origin in (list, tuple):
        return f"{type_name(parameters[0])},…"
    return {bool: "true|false", int: "int", float: "number", str: "text", Path: "path"}.get(kind, str(kind))


def _default_text(field: "dataclasses.Field[Any]") -> str:
    if field.default_factory is not dataclasses.MISSING:
        return ",".join(str(v) for v in field.default_factory()) or "–"
    if field.default is dataclasses.MISSING:
        return "(needed)"
    if isinstance(field.default, bool):
        return str(field.default).lower()
    return "–" if field.default in (None, "") else str(field.default)


def _from_environment(options: type, prefix: str) -> dict[str, str]:
    if not prefix:
        return {}
    given = {}
    for name in (field.name for field in dataclasses.fields(options) if field.init):
        variable = prefix + name.upper()
        if variable in os.environ:
            given[name] = text = os.environ[variable]
            try:
                convert(name, text, typing.get_type_hints(options)[name])
            except KedjaError as error:
                remedy = error.remedy
                if text.startswith("tcp://"):
                    remedy = "Kubernetes sets it for a service of that name: enableServiceLinks: false in the pod"
                raise KedjaError(f"the environment variable {variable}: {error.problem}", remedy) from None
    return given


def _raise_interrupt(signum: int, frame: Any) -> None:
    raise KeyboardInterrupt
