#!/usr/bin/env bash
# A layer whose `forward` was replaced on the instance is not checkpointed any more, without a word.
#
# With: transformers 5.17.0 and transformers 5.23.0, torch 2.13.0. Faster kernels are put into a
# model by binding a `forward` of one's own to its layers. Gradient checkpointing then says that it is enabled, and
# where 5.17.0 saw to it in the layer's call, 5.23.0 does so in the `forward` of the layer's class,
# which is not called: memory is what it was without checkpointing.
# Seen: backward computes the layer again with 5.17.0 (2 calls), and does not with 5.23.0 (1 call).
# Held by: tests/tasks/finetuning/test_training_parts.py::test_the_reckoned_activations_are_those_that_autograd_keeps
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cat > "$folder/look.py" <<'PYTHON'
import types

import torch
from transformers import LlamaConfig, LlamaForCausalLM, __version__

shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "vocab_size": 20}
model = LlamaForCausalLM(LlamaConfig(**shape, num_attention_heads=2, num_key_value_heads=2))
layer = model.model.layers[0]
own = getattr(type(layer).forward, "__wrapped__", type(layer).forward)
calls = []


def faster(self, *args, **kwargs):
    calls.append(1)
    return own(self, *args, **kwargs)


layer.forward = types.MethodType(faster, layer)
model.gradient_checkpointing_enable({"use_reentrant": False})
model.train()
ids = torch.arange(6)[None]
model(input_ids=ids, labels=ids).loss.backward()
print(f"transformers {__version__}: enabled {layer.gradient_checkpointing}, {len(calls)} calls")
assert layer.gradient_checkpointing
assert len(calls) == {"5.17.0": 2, "5.23.0": 1}[__version__], "not as it was seen"
PYTHON
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  transformers==5.17.0 torch==2.13.0
"$folder/venv/bin/python" -W ignore "$folder/look.py"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check transformers==5.23.0
"$folder/venv/bin/python" -W ignore "$folder/look.py"
