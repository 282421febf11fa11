from kedja.training.config.help import help_text
from kedja.training.config.schema import leaves


def test_every_key_has_its_type_default_and_meaning_and_every_group_its_choices():
    text = help_text()
    for key, field in leaves().items():
        if key != "experiment":
            line = next(line for line in text.splitlines() if line.strip().startswith(f"{key}="))
            assert field.metadata["meaning"] in line
    assert "model=" in text
    assert "efficientnet_lite0 | efficientnet_lite0_stages | minilm | mobilenet_v3_small" in text
