from kedja.training.checks.overfit import overfit_one_batch


def test_a_sound_network_learns_one_batch_by_heart(workplace, debug):
    config = debug("model.dropout=0.5", "augment=strong")
    result = overfit_one_batch(config)
    assert result.succeeded
    assert result.loss < result.first_loss
    assert config.model.dropout == 0.5
    assert not (workplace / "runs").exists()


def test_one_that_cannot_is_found_out(workplace, debug):
    result = overfit_one_batch(debug("optim.lr=0.0"))
    assert not result.succeeded
    assert result.steps == 200
