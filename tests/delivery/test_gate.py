import json

import pytest

from kedja.common.errors import KedjaError
from kedja.delivery import gate


def needs(**results):
    return json.dumps({job: {"result": result, "outputs": {}} for job, result in results.items()})


def test_all_well():
    assert gate.check(needs(lint="success", environment="skipped"), ["environment"]) == [
        "lint: success",
        "environment: skipped",
    ]


@pytest.mark.parametrize("result", ["failure", "cancelled", "skipped"])
def test_anything_else_is_named(result):
    with pytest.raises(KedjaError, match=f"test: {result}"):
        gate.check(needs(lint="success", test=result), ["environment"])


def test_a_job_that_may_be_skipped_may_not_fail():
    with pytest.raises(KedjaError, match="environment: failure"):
        gate.check(needs(environment="failure"), ["environment"])


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"lint": "success"}', "null"])
def test_nothing_to_judge_is_no_success(text):
    with pytest.raises(KedjaError):
        gate.check(text, [])
