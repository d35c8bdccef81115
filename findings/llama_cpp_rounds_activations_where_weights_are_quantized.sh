#!/usr/bin/env bash
# Where weights are quantized, llama.cpp's processor code rounds activations to 8 bits as well, so a
# model whose weights are exact in Q8_0 answers otherwise than the same numbers in f32.
#
# With: xllamacpp 2026.10.11549 (llama.cpp), gguf 0.19.0. Two files with the very same numbers, one in
# F32 and one in Q8_0, asked for the log-probabilities of the next token.
# Seen: they part by .026 nats; a file of the same numbers in F16 parts by .002.
# Comparing dequantized weights in another program says nothing of how the quantized file answers.
# Held by: tests/flows/living/test_compressing.py::test_each_way_is_measured_and_judged_by_the_version_s_own_gates
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  xllamacpp==2026.10.11549 gguf==0.19.0 numpy==2.4.6

"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import json
import sys
import urllib.request

import gguf
import numpy as np
import xllamacpp

FOLDER, WIDE, HEADS, VOCABULARY = sys.argv[1], 128, 4, 320
KINDS = {"F32": 0, "F16": 1, "Q8_0": 8}


def exact(random, rows, columns):
    """Numbers that Q8_0 keeps as they are: whole ones to 127 in each block, times a power of two."""
    whole = random.integers(-126, 127, (rows, columns)).astype("f4")
    whole[:, ::32] = 127
    return whole / 1024


def write(kind):
    random = np.random.default_rng(7)
    file = f"{FOLDER}/{kind}.gguf"
    to = gguf.GGUFWriter(file, "llama")
    to.add_context_length(128)
    to.add_embedding_length(WIDE)
    to.add_block_count(2)
    to.add_feed_forward_length(256)
    to.add_head_count(HEADS)
    to.add_layer_norm_rms_eps(1e-5)
    to.add_rope_dimension_count(WIDE // HEADS)
    to.add_vocab_size(VOCABULARY)
    to.add_tokenizer_model("gpt2")
    to.add_tokenizer_pre("gpt-2")
    to.add_token_list(["Ċ", *(f"t{n}" for n in range(1, VOCABULARY))])
    to.add_token_types([gguf.TokenType.NORMAL] * VOCABULARY)
    to.add_token_merges(["t 1"])
    to.add_eos_token_id(VOCABULARY - 1)
    to.add_add_bos_token(False)

    def put(name, rows, columns):
        numbers, wanted = exact(random, rows, columns), gguf.GGMLQuantizationType(KINDS[kind])
        data = gguf.quants.quantize(numbers, wanted)
        assert np.array_equal(gguf.quants.dequantize(data, wanted).reshape(rows, columns), numbers)
        to.add_tensor(name, data, raw_dtype=wanted)

    put("token_embd.weight", VOCABULARY, WIDE)
    put("output.weight", VOCABULARY, WIDE)
    to.add_tensor("output_norm.weight", np.ones(WIDE, "f4"))
    for layer in range(2):
        for part in ("attn_norm", "ffn_norm"):
            to.add_tensor(f"blk.{layer}.{part}.weight", np.ones(WIDE, "f4"))
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            put(f"blk.{layer}.{part}.weight", WIDE, WIDE)
        put(f"blk.{layer}.ffn_gate.weight", 256, WIDE)
        put(f"blk.{layer}.ffn_up.weight", 256, WIDE)
        put(f"blk.{layer}.ffn_down.weight", WIDE, 256)
    to.write_header_to_file()
    to.write_kv_data_to_file()
    to.write_tensors_to_file()
    to.close()
    return file


def likely(file):
    """Return the log-probabilities of the ten likeliest next tokens of some prompts."""
    settings = xllamacpp.CommonParams()
    settings.model.path = file
    settings.n_ctx, settings.n_parallel, settings.port = 128, 1, 0
    settings.cache_ram_mib, settings.verbosity, settings.warmup = 0, 0, False
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(settings)
    found = []
    for first in range(3, 40, 3):
        body = {"prompt": [first, first + 1, first + 2], "n_predict": 1, "temperature": 0}
        request = urllib.request.Request(
            f"{server.listening_address}/completion",
            json.dumps({**body, "n_probs": VOCABULARY, "cache_prompt": False}).encode(),
            {"Content-Type": "application/json"},
        )
        said = json.load(urllib.request.urlopen(request, timeout=60))
        (one,) = said["completion_probabilities"]
        found.append({top["id"]: top["logprob"] for top in one["top_logprobs"]})
    return found


plain = likely(write("F32"))


def apart(kind):
    pairs = zip(plain, likely(write(kind)), strict=True)
    return max(abs(a[n] - b[n]) for a, b in pairs for n in sorted(a, key=a.get)[-10:] if n in b)


half, quantized = apart("F16"), apart("Q8_0")
print(f"xllamacpp 2026.10.11549: F16 parts from F32 by {half:.5f}, Q8_0 by {quantized:.5f}")
raise SystemExit(0 if quantized > 5 * half and quantized > 0.01 else 1)
PYTHON
