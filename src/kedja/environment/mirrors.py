"""Package index settings that a person made for pip, handed on to uv, which does not read them."""

import configparser
import os
from collections.abc import Mapping
from pathlib import Path

_UV_SETTINGS = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_CONFIG_FILE", "UV_NO_INDEX", "UV_OFFLINE")


def uv_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for uv: the given one, with pip's index and certificates where uv has no settings of its own."""
    result = dict(environment)
    pip = _pip_settings(environment)
    uv_is_set_up = any(environment.get(name) for name in _UV_SETTINGS) or any(
        f.exists() for f in _uv_files(environment)
    )
    if pip.get("index-url") and not uv_is_set_up:
        result["UV_DEFAULT_INDEX"] = pip["index-url"]
    if pip.get("cert") and not environment.get("SSL_CERT_FILE"):
        result["SSL_CERT_FILE"] = pip["cert"]
    return result


def _uv_files(environment: Mapping[str, str]) -> list[Path]:
    user = environment.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    folders = [Path(user), Path("/etc")]
    if environment.get("APPDATA"):
        folders.append(Path(environment["APPDATA"]))
    return [folder / "uv" / "uv.toml" for folder in folders]


def _pip_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """`index-url` and `cert` as pip would take them: later files win, [install] over [global], variables over files."""
    settings: dict[str, str] = {}
    for file in _pip_files(environment):
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # pip itself complains about it, in better words
        for section in ("global", "install"):
            if parser.has_section(section):
                settings |= parser.items(section)
    variables = {"index-url": environment.get("PIP_INDEX_URL"), "cert": environment.get("PIP_CERT")}
    return settings | {key: value for key, value in variables.items() if value}


def _pip_files(environment: Mapping[str, str]) -> list[Path]:
    """Where pip looks, weakest first (pip's user guide, section "Configuration", "Location")."""
    if environment.get("PIP_CONFIG_FILE") == os.devnull:
        return []
    home = Path(environment.get("HOME") or Path.home())
    folders = [Path("/etc"), Path("/Library/Application Support/pip"), home / ".pip", home / ".config" / "pip"]
    if environment.get("XDG_CONFIG_HOME"):
        folders.append(Path(environment["XDG_CONFIG_HOME"]) / "pip")
    folders.append(home / "Library/Application Support/pip")
    files = [folder / "pip.conf" for folder in folders]
    if environment.get("APPDATA"):
        files.append(Path(environment["APPDATA"]) / "pip" / "pip.ini")
    if environment.get("PIP_CONFIG_FILE"):
        files.append(Path(environment["PIP_CONFIG_FILE"]))
    return files
