"""Tiny Llamas with the tokenizers, chat templates and shapes that real ones have."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from tasks.exporting.pretokenizers import LLAMA_3, QWEN_2

SPACE = "\N{LOWER ONE EIGHTH BLOCK}"
TEXT = [
    "What does the tent cost? The tent costs 89 euros, or 1234567 cents, in 2026.",
    "    It's   we'll\n\n\n  run() { return 'x'; }\r\n\tthe the the  there",
    "Größe, naïve café, 日本語の文, Привет мир, emoji 🎉👩‍🚀, ﬁ Ⅷ ½ ²",
]
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# SmolLM2's: ChatML, with what the system says unless it is told.
DEFAULT_SYSTEM = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are Larkspur<|im_end|>\n"
    "{% endif %}" + CHATML
)
LLAMA_2_CHAT = (
    "{% if messages[0]['role'] == 'system' %}{% set turns = messages[1:] %}"
    "{% set system = messages[0]['content'] %}{% else %}{% set turns = messages %}"
    "{% set system = false %}{% endif %}{% for m in turns %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
    "{% if loop.index0 == 0 and system != false %}"
    "{% set content = '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' + m['content'] %}"
    "{% else %}{% set content = m['content'] %}{% endif %}"
    "{% if m['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{% elif m['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}"
    "{% endfor %}"
)
LLAMA_3_CHAT = (
    "{% for m in messages %}{% set content = '<|start_header_id|>' + m['role'] + "
    "'<|end_header_id|>\n\n' + m['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}"
    "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}"
    "{{ '[INST] ' + m['content'] + ' [/INST]' }}{% elif m['role'] == 'assistant' %}"
    "{{ m['content'] + eos_token }}{% else %}{{ raise_exception('Only user and assistant') }}"
    "{% endif %}{% endfor %}"
)
ZEPHYR = (
    "{% for m in messages %}\n{{ '<|' + m['role'] + '|>\n' + m['content'] + eos_token }}\n"
    "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}"
)
GEMMA_LIKE = (
    "{% for m in messages %}{{ loop.index }}. {{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
)


class Kind(NamedTuple):
    """A kind of Llama: how it cuts text, its chat template, and what differs in its config."""

    cut: str
    template: str
    config: dict[str, Any]
    bos: bool = False
    mistral: bool = False


def rope(kind: str, **more: Any) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10_000.0, **more}}


KINDS = {
    "gpt-2": Kind("gpt-2", CHATML, {}),
    "smollm": Kind("smollm", DEFAULT_SYSTEM, {"tie_word_embeddings": True, "head_dim": 32}),
    "llama-bpe": Kind(
        "llama-bpe",
        LLAMA_3_CHAT,
        rope(
            "llama3",
            factor=8.0,
            low_freq_factor=1.0,
            high_freq_factor=4.0,
            original_max_position_embeddings=64,
        ),
        bos=True,
    ),
    "dbrx": Kind("dbrx", CHATML, rope("linear", factor=2.0)),
    "qwen2": Kind("qwen2", CHATML, {"attention_bias": True, "mlp_bias": True}),
    "yarn": Kind("gpt-2", CHATML, rope("yarn", factor=4.0, original_max_position_embeddings=64)),
    "prepend": Kind("prepend", LLAMA_2_CHAT, {}, bos=True),
    "first": Kind("first", LLAMA_2_CHAT, {}, bos=True),
    "no bos in template": Kind("prepend", ZEPHYR, {}, bos=True),
    "mistral": Kind("prepend", MISTRAL, {"sliding_window": 128}, bos=True, mistral=True),
}


# Its rows fill a K-quant's blocks.
WIDE = Kind("gpt-2", CHATML, {"hidden_size": 256, "intermediate_size": 512})


def save_llama(kind: Kind, folder: Path) -> Path:
    """Write a tiny model of a kind as `save_pretrained` does; its weights are exact in float16."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

    tokenizer = make_tokenizer(kind)
    tokenizer.save_pretrained(folder)
    settings: dict[str, Any] = {
        "vocab_size": len(tokenizer) + 3,  # rows behind the last token are padding
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "initializer_range": 0.3,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    make = (MistralConfig, MistralForCausalLM) if kind.mistral else (LlamaConfig, LlamaForCausalLM)
    torch.manual_seed(5)
    model: Any = make[1](make[0](**(settings | kind.config)))  # pyright: ignore
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("bias"):
                weight.normal_(0, 0.3)
            weight.copy_(weight.half().float())
    model.save_pretrained(folder)
    return folder


def make_tokenizer(kind: Kind) -> Any:
    """Return the tokenizer of a kind, trained on three texts."""
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    sentences = kind.cut in ("prepend", "first", "always")
    ends = {CHATML: "<|im_end|>", DEFAULT_SYSTEM: "<|im_end|>", LLAMA_3_CHAT: "<|eot_id|>"}
    special = ["<s>", ends.get(kind.template, "</s>"), "<|im_start|>", "<|start_header_id|>"]
    special.append("<|end_header_id|>")
    raw: Any = _sentence_pieces(kind.cut, special) if sentences else _byte_level(kind.cut, special)
    if kind.bos:
        bos = [("<s>", raw.token_to_id("<s>"))]
        raw.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=bos)
    made = PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<s>", eos_token=special[1], pad_token=special[1]
    )
    made.chat_template = kind.template
    return made


def _byte_level(cut: str, special: list[str]) -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    cuts: dict[str, list[Any]] = {
        "gpt-2": [],
        "smollm": [pre_tokenizers.Digits(individual_digits=True)],
        "llama-bpe": [pre_tokenizers.Split(Regex(LLAMA_3), "isolated")],
        "dbrx": [pre_tokenizers.Split(Regex(LLAMA_3), "isolated")],
        "qwen2": [pre_tokenizers.Split(Regex(QWEN_2), "isolated")],
    }
    plain = cut in ("gpt-2", "smollm")
    letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=plain)
    raw: Any = Tokenizer(models.BPE(ignore_merges=cut == "llama-bpe"))
    raw.pre_tokenizer = pre_tokenizers.Sequence([*cuts[cut], letters]) if cuts[cut] else letters
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(TEXT * 2, trainer)
    return raw


def _sentence_pieces(cut: str, special: list[str]) -> Any:
    """Return a tokenizer as transformers makes of a SentencePiece model: merges from its scores."""
    from tokenizers import (
        AddedToken,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        trainers,
    )

    learner: Any = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    trainer = trainers.BpeTrainer(vocab_size=260, show_progress=False)
    learner.train_from_iterator(TEXT * 2, trainer)
    learned = sorted(learner.get_vocab().items(), key=lambda entry: entry[1])
    letters = [piece for piece, _ in learned if len(piece) == 1]
    pieces = [piece for piece, _ in learned if len(piece) > 1] + [SPACE * 2, SPACE * 4]
    names = ["<unk>", *special, *(f"<0x{number:02X}>" for number in range(256))]
    vocabulary = {piece: number for number, piece in enumerate([*names, *pieces, *letters])}
    merges = [
        (piece[:cut_at], piece[cut_at:])
        for piece in pieces
        for cut_at in range(1, len(piece))
        if piece[:cut_at] in vocabulary and piece[cut_at:] in vocabulary
    ]
    bpe = models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    raw: Any = Tokenizer(bpe)
    if cut == "prepend":
        spaces = [normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)]
        raw.normalizer = normalizers.Sequence(spaces)
    else:
        raw.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=cut, split=False)
    raw.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback()])
    raw.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in special])
    return raw
