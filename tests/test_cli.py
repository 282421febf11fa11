import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedja import cli
from kedja.common.errors import KedjaError


@dataclass
class Options:
    """Do a thing."""

    name: str = cli.option("digits", "which data set")
    seeds: list[int] = cli.option([0, 1], "the seeds")
    rate: float | None = cli.option(None, "learning rate")
    storage: Literal["arrays", "files"] = cli.option("arrays", "how to store")
    verbose: bool = cli.option(False, "say more")
    folder: Path = cli.option(Path("data"), "where")


def test_values_are_converted_to_their_types():
    options = cli.parse(
        Options, ["name=a b=c", "seeds=3,4", "rate=1e-3", "storage=files", "verbose=yes", "folder=x y/z"]
    )
    assert options == Options("a b=c", [3, 4], 1e-3, "files", True, Path("x y/z"))
    assert cli.parse(Options, ["rate=none"]).rate is None


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("nam=x", "did you mean 'name'?"),
        ("seeds=1,x", "seeds=x is not a whole number"),
        ("rate=fast", "rate=fast is not a number"),
        ("storage=file", "did you mean 'files'?"),
        ("verbose=perhaps", "is not true or false"),
        ("digits", "is not of the form key=value"),
        ("--seeds", "write seeds=…"),
        ("--folder=x", "write folder=…"),
    ],
)
def test_errors_name_the_key_and_the_remedy(argument, message):
    with pytest.raises(KedjaError) as error:
        cli.parse(Options, [argument])
    assert message in str(error.value)


def test_a_data_set_is_named_by_one_key_and_other_spellings_are_understood():
    @dataclass
    class OfData:
        """Look at a data set."""

        data: str = cli.data_set("digits")

    for spelling in ("data", "name", "data.name", "dataset"):
        assert cli.parse(OfData, [f"{spelling}=flowers"]) == OfData("flowers")
    with pytest.raises(KedjaError, match="data is given twice"):
        cli.parse(OfData, ["data=a", "name=b"])


def test_the_next_step_is_said_once_by_the_outermost_recipe(capsys, monkeypatch):
    monkeypatch.delenv(cli.WITHIN, raising=False)
    monkeypatch.delenv(cli.JUST, raising=False)
    cli.next_step("just report", "compares them")
    monkeypatch.setenv(cli.WITHIN, "1")
    cli.next_step("just export")
    assert capsys.readouterr().out == "next: just report   # compares them\n"


def test_the_next_step_can_be_typed_where_just_is_not_on_the_path(capsys, monkeypatch):
    monkeypatch.delenv(cli.WITHIN, raising=False)
    monkeypatch.setenv(cli.JUST, "sh scripts/just.sh")
    cli.next_step("just report data=just-so")
    assert capsys.readouterr().out == "next: sh scripts/just.sh report data=just-so\n"


def test_a_key_given_twice_is_an_error():
    with pytest.raises(KedjaError, match="name is given twice"):
        cli.parse(Options, ["name=a", "name=b"])


def test_help_lists_every_key_with_type_default_and_meaning(capsys):
    with pytest.raises(SystemExit) as end:
        cli.parse(Options, ["--help"])
    printed = capsys.readouterr().out
    assert end.value.code == 0
    assert printed.startswith("Do a thing.")
    for part in ("name=text", "seeds=int,…", "rate=number|none", "storage=arrays|files", "which data set", "0,1"):
        assert part in printed


@given(st.lists(st.text(max_size=20), max_size=5))
def test_any_arguments_parse_or_fail_with_a_message(arguments):
    if {"--help", "-h"} & set(arguments):
        return
    try:
        assert isinstance(cli.parse(Options, arguments), Options)
    except KedjaError as error:
        assert str(error)


def script(tmp_path: Path, body: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "script.py"
    path.write_text(
        "from dataclasses import dataclass\nfrom kedja import cli\nfrom kedja.common.errors import KedjaError\n"
        f"@dataclass\nclass Options:\n    'Help.'\n    n: int = cli.option(1, 'a number')\n"
        f"def main(options):\n    {body}\ncli.run(main, Options, 'KEDJA_')\n"
    )
    return subprocess.run([sys.executable, path, *arguments], capture_output=True, text=True)


def test_a_users_mistake_gives_one_message_and_no_traceback(tmp_path):
    result = script(tmp_path, "raise KedjaError('the file is empty', 'use another')")
    assert result.returncode == 1
    assert result.stderr == "error: the file is empty\n  → use another\n"
    assert "Traceback" in script(tmp_path, "raise KedjaError('x')", "--debug").stderr


def test_the_command_line_wins_over_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("KEDJA_N", "7")
    assert script(tmp_path, "print(options.n)").stdout == "7\n"
    assert script(tmp_path, "print(options.n)", "n=8").stdout == "8\n"


def test_sigterm_ends_quietly_with_its_status(tmp_path):
    result = script(tmp_path, "import os, signal, time; os.kill(os.getpid(), signal.SIGTERM); time.sleep(5)")
    assert result.returncode == 130
    assert "Traceback" not in result.stderr


def test_a_name_that_the_terminal_cannot_print_is_no_error(tmp_path):
    script = tmp_path / "name.py"
    script.write_text(
        "import dataclasses\nfrom kedja import cli\n@dataclasses.dataclass\nclass Options:\n    '''Print.'''\n"
        "cli.run(lambda options: print('写真 caf\\udce9'), Options)\n",
        encoding="utf-8",
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    result = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, env=environment)
    assert (result.returncode, result.stdout) == (0, "\\u5199\\u771f caf\\udce9\n")
