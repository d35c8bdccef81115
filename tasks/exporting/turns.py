"""A chat template as what it puts around each turn, found by asking it, for Ollama's templates.

Ollama's templates are Go's, so a chat template (Jinja) is translated, not copied: what stands
around what each role says is read from a few conversations, and the translation must then write
others character for character, or it is refused with its reason. ChatML, Llama 2 and 3, Mistral,
Zephyr and their like are such templates. Needs a tokenizer with a chat template; writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from tasks.exporting.errors import AS_IT_IS, cannot
from tasks.models.chat_rendering import RenderingError, render_turns

Turn = tuple[str, str]  # role, content
_S, _U, _A, _V = "Qx7system", "Qx7first", "Qx7answer", "Qx7second"
_OTHER = "export it with --format gguf: llama.cpp runs the chat template itself"
_ODD = "Two lines,\n\nüñí 日本 {x} <b> 50% \\n!"
_PADDED = f"  {_ODD}\n "  # some templates take away what is around it


class Turns(NamedTuple):
    """What stands before and behind what each role says.

    `first` opens a user's turn that begins the conversation, `after_system` one behind what the
    system says, `user` every other. `system` is None where the template takes none. `answer` stands
    where the model goes on. `default` is what the system says unless it is told. `strips` tells
    that the template takes away spaces around what some role says, as Ollama does not.
    """

    first: str
    after_system: str
    user: str
    user_end: str
    assistant: str
    assistant_end: str
    system: str | None
    system_end: str
    answer: str
    default: str
    strips: bool

    def write(self, turns: Sequence[Turn]) -> str:
        """Return the text of a conversation that the model is to go on with."""
        text = ""
        if self.default and turns[0][0] != "system":
            turns = [("system", self.default), *turns]
        for place, (role, content) in enumerate(turns):
            if role == "system":
                text += f"{self.system}{content}{self.system_end}"
            elif role == "assistant":
                text += f"{self.assistant}{content}{self.assistant_end}"
            else:
                follows = place == 1 and turns[0][0] == "system"
                before = self.after_system if follows else self.user if place else self.first
                text += f"{before}{content}{self.user_end}"
        return text + self.answer


def read_turns(tokenizer: Any, *, without_bos: bool) -> Turns:
    """Return what a tokenizer's chat template puts around turns; InputError if it is not that.

    `without_bos` leaves the BOS at the beginning away, where the program puts its own.
    """
    if "strftime_now" in str(tokenizer.chat_template):
        raise cannot("its chat template writes the date of the day", _OTHER, "chat template")
    bos = str(tokenizer.bos_token or "") if without_bos else ""

    def ask(*turns: Turn, answer: bool = True) -> str:
        said = [{"role": role, "content": content} for role, content in turns]
        return render_turns(said, tokenizer, answer_follows=answer).removeprefix(bos)

    try:
        found = _found(ask)
    except (RenderingError, ValueError) as error:
        raise _none(f"{error}") from None

    def same(content: str) -> bool:
        probes = _probes(content, system=found.system is not None)
        return all(ask(*probe) == found.write(probe) for probe in probes)

    if not same(_ODD):
        raise _none("it looks at more than who speaks")
    return found._replace(strips=not same(_PADDED))


def _found(ask: Any) -> Turns:
    """Take conversations apart at what was said in them; ValueError where one lacks it."""
    alone, open_ended = ask(("user", _U)), ask(("user", _U), answer=False)
    first, user_end = _around(open_ended, _U)
    answer = alone.removeprefix(open_ended)
    if not alone.startswith(open_ended):
        raise ValueError("it rewrites a turn when an answer is to follow")
    before, middle = _around(ask(("user", _U), ("assistant", _A), ("user", _V)), _A)
    assistant = before.partition(_U)[2].removeprefix(user_end)
    between = middle.partition(_V)[0]
    system, system_end, after, default = _system(ask, first, user_end)
    usual = after if system is not None and between.endswith(after) else first
    if not between.endswith(usual):
        usual = ""
    return Turns(
        first=first if not default else usual,
        after_system=after,
        user=usual,
        user_end=user_end,
        assistant=assistant,
        assistant_end=between.removesuffix(usual) if usual else between,
        system=system,
        system_end=system_end,
        answer=answer,
        default=default,
        strips=False,
    )


def _system(ask: Any, first: str, turn_end: str) -> tuple[str | None, str, str, str]:
    """Return what stands around the system's words, what opens the user's turn then, the default.

    None where the template takes no system, or says nothing of what it is told.
    """
    try:
        whole = ask(("system", _S), ("user", _U))
    except RenderingError:
        return None, "", first, ""
    if _S not in whole:
        return None, "", first, ""
    system, rest = _around(whole, _S)
    between = rest.partition(_U)[0]
    default = ""
    if first.startswith(system) and first.endswith(between):
        default = first.removeprefix(system).removesuffix(between)
    other = ask(("system", _S), ("user", _U), ("assistant", _A), ("user", _V))
    later = other.partition(_A)[2].partition(_V)[0]
    opening = _shared_end(between, later if default else first).removeprefix(turn_end)
    return system, between.removesuffix(opening) if opening else between, opening, default


def _shared_end(one: str, other: str) -> str:
    """Return the longest end of both, from a line or a sign on: where a turn opens."""
    length = 0
    while length < min(len(one), len(other)) and one[-1 - length] == other[-1 - length]:
        length += 1
    return one[len(one) - length :]


def _around(text: str, said: str) -> tuple[str, str]:
    if text.count(said) != 1:
        raise ValueError("it leaves out, or repeats, what was said")
    before, _, behind = text.partition(said)
    return before, behind


def _probes(content: str, *, system: bool) -> list[list[Turn]]:
    """Return conversations that the translation must write as the template does."""
    talk: list[Turn] = [("user", content), ("assistant", content), ("user", "And then?")]
    longer: list[Turn] = [*talk, ("assistant", "x"), ("user", content)]
    probes = [talk[:1], talk, longer]
    return [*probes, *([("system", content), *probe] for probe in probes)] if system else probes


def _none(why: str) -> Exception:
    return cannot(
        f"its chat template cannot be said as one of Ollama's: {why}",
        f"{_OTHER}; or {AS_IT_IS}",
        "chat template",
    )
