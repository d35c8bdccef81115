#!/usr/bin/env bash
# A GGUF's RoPE scaling and biases are not read, without a word, and the answers are another model's.
#
# With: transformers 5.23.0, gguf 0.19.0, torch 2.13.0. A GGUF of architecture `llama` may scale its
# positions (`llama.rope.scaling.type` and `.factor`) and have biases in attention
# (`blk.0.attn_q.bias`); llama.cpp computes with both. `from_pretrained(gguf_file=...)` loads the
# file, makes a config without scaling and layers without biases, and names neither as unused.
# Seen: rope_type "default" where the file says linear by 4, and no bias where it has two of ones.
# Exports are judged by llama.cpp's own logits; read back are only the kinds that have neither.
# Held by: tests/tasks/exporting/test_gguf_file.py::test_llama_cpp_reads_and_says_what_transformers_does
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  transformers==5.23.0 gguf==0.19.0 torch==2.13.0 accelerate==1.15.0
cat > "$folder/look.py" <<'PYTHON'
import logging
import sys
from pathlib import Path

import gguf
import numpy as np
from transformers import AutoModelForCausalLM, __version__

folder, width, heads, words = Path(sys.argv[1]), 32, 2, 40
draw = np.random.default_rng(7)


def matrix(*shape):
    return draw.normal(0, 0.1, shape).astype(np.float32)


file = gguf.GGUFWriter(folder / "tiny.gguf", "llama")
file.add_context_length(64)
file.add_embedding_length(width)
file.add_block_count(1)
file.add_feed_forward_length(64)
file.add_head_count(heads)
file.add_head_count_kv(heads)
file.add_layer_norm_rms_eps(1e-5)
file.add_rope_dimension_count(width // heads)
file.add_rope_freq_base(10_000.0)
file.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
file.add_rope_scaling_factor(4.0)
file.add_vocab_size(words)
file.add_tokenizer_model("gpt2")
file.add_token_list([f"t{number}" for number in range(words)])
for name in ("token_embd", "output"):
    file.add_tensor(f"{name}.weight", matrix(words, width))
for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
    file.add_tensor(f"{name}.weight", np.ones(width, np.float32))
for name in ("q", "k", "v", "output"):
    file.add_tensor(f"blk.0.attn_{name}.weight", matrix(width, width))
for name in ("q", "k"):
    file.add_tensor(f"blk.0.attn_{name}.bias", np.ones(width, np.float32))
file.add_tensor("blk.0.ffn_gate.weight", matrix(64, width))
file.add_tensor("blk.0.ffn_up.weight", matrix(64, width))
file.add_tensor("blk.0.ffn_down.weight", matrix(width, 64))
file.write_header_to_file()
file.write_kv_data_to_file()
file.write_tensors_to_file()
file.close()

said = []
handler = logging.Handler()
handler.emit = lambda record: said.append(record.getMessage())
logging.getLogger("transformers").addHandler(handler)
model, report = AutoModelForCausalLM.from_pretrained(
    folder, gguf_file="tiny.gguf", output_loading_info=True
)
kind = model.config.rope_parameters["rope_type"]
biases = [name for name, _ in model.named_parameters() if name.endswith("bias")]
told = [name for names in report.values() for name in map(str, names) if "bias" in name]
told += [text for text in said if "bias" in text or "scaling" in text]
print(f"transformers {__version__}: rope_type {kind}, biases {biases}, told of {told}")
assert (kind, biases, told) == ("default", [], []), "not as it was seen"
PYTHON
"$folder/venv/bin/python" -W ignore "$folder/look.py" "$folder"
