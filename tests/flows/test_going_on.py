from __future__ import annotations

import pytest

from data_contracts.errors import ContractError
from flows.asking.parameters import RetrainParameters
from flows.going_on import begun_at

OWN = RetrainParameters(name="desk", learning_rate=1e-3, num_train_epochs=3, seed=11)


def test_what_people_rated_well_is_learned_from_the_champions_weights_in_one_pass() -> None:
    asked = begun_at("", OWN.model_copy(update={"source": "log://desk?tenants=a"}))
    assert (asked.start, asked.learning_rate, asked.num_train_epochs) == ("champion", 5e-4, 1)
    assert asked.seed == 11
    # The next one begins at that champion, and is asked for the same.
    assert begun_at("", asked) == asked


def test_other_data_are_trained_on_from_the_base_unless_the_file_says_otherwise() -> None:
    assert begun_at("", OWN) == begun_at("base", OWN) == OWN
    assert begun_at("champion", OWN).start == "champion"
    of_a_log = OWN.model_copy(update={"source": "log://desk"})
    assert begun_at("base", of_a_log) == of_a_log


def test_parameters_of_one_pass_are_refused_from_the_base() -> None:
    going_on = begun_at("champion", OWN)
    with pytest.raises(ContractError, match="learn too little") as refused:
        begun_at("base", going_on)
    assert refused.value.remedy and "[drift]" in refused.value.remedy
