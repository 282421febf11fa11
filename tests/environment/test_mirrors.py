import os

import pytest

from kedja.environment.mirrors import uv_environment


@pytest.fixture
def environment(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"), "PATH": "/usr/bin:/bin"}


def pip_configuration(environment, tmp_path, text):
    (tmp_path / "pip.conf").write_text(text)
    environment["PIP_CONFIG_FILE"] = str(tmp_path / "pip.conf")


def test_pips_index_and_certificates_reach_uv(environment, tmp_path):
    pip_configuration(environment, tmp_path, "[global]\nindex-url = https://mirror.example/simple\ncert = /ca.pem\n")
    result = uv_environment(environment)
    assert result["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert result["SSL_CERT_FILE"] == "/ca.pem"


def test_a_variable_wins_over_a_file(environment, tmp_path):
    pip_configuration(environment, tmp_path, "[global]\nindex-url = https://file.example/simple\n")
    environment["PIP_INDEX_URL"] = "https://variable.example/simple"
    assert uv_environment(environment)["UV_DEFAULT_INDEX"] == "https://variable.example/simple"


def test_the_install_section_wins_over_the_global_one(environment, tmp_path):
    pip_configuration(
        environment,
        tmp_path,
        "[install]\nindex-url = https://install.example/simple\n[global]\nindex-url = https://global.example/simple\n",
    )
    assert uv_environment(environment)["UV_DEFAULT_INDEX"] == "https://install.example/simple"


@pytest.mark.parametrize("variable", ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_CONFIG_FILE"])
def test_uvs_own_settings_are_left_alone(environment, variable):
    environment |= {"PIP_INDEX_URL": "https://pip.example/simple", variable: "its own"}
    result = uv_environment(environment)
    assert result[variable] == "its own"
    assert result.get("UV_DEFAULT_INDEX") in (None, "its own")


def test_uvs_own_file_is_left_alone(environment, tmp_path):
    environment["PIP_INDEX_URL"] = "https://pip.example/simple"
    (tmp_path / "config" / "uv").mkdir(parents=True)
    (tmp_path / "config" / "uv" / "uv.toml").write_text("")
    assert "UV_DEFAULT_INDEX" not in uv_environment(environment)


def test_nothing_set_changes_nothing(environment):
    environment["PIP_CONFIG_FILE"] = os.devnull
    assert uv_environment(environment) == environment
