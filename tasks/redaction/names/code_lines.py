"""Tells by its shape whether a line is code or log: signs, keywords, time stamps with a level.

No language has to be known by name. JSON, tables, HTML and comments are data or prose, and no code.
Pure functions over one line.
"""

from __future__ import annotations

from tasks.redaction.patterns import compiled

_FEW = 3  # words
_LOWEST_SHARE = 0.34  # marks of code for each word
_HINT = compiled(
    r"[=({\[;_<]|[\"'],|::|->|\d:\d\d|\b(?:import|return|raise|at|HTTP|sudo)\b"
    r"|(?<!\S)--[a-z]|\d{6} \d{6}|[a-z]{2}[A-Z]\w*:|\w-\w+: |: (?:[Tt]rue|false|False|null)\b"
)
_LEVEL = r"(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL|SEVERE)\b"
_STAMP = (
    r"(?:(?:\d{4}|\d\d)[-/.]\d\d[-/.]\d\d\b|\d\d-\d\d \d\d:\d\d:|\d\d:\d\d:\d\d|\d{6} \d{6}\b"
    r"|[A-Z][a-z]{2} [ \d]\d )"
)
_LOG = compiled(  # a time stamp and a level, a level, syslog, a request, a stack trace, an agent
    rf"\s*(?:[\[(<]?{_STAMP}[^\n]{{0,60}}?"
    rf"(?:\b{_LEVEL}|, (?:Info|Warning|Error) {{2}}| [VDIWEF] \w+ *[:(]"
    r"|:\d\d[.,]\d{3}\]?:? \w+[.\[(])"
    rf"|\[?{_LEVEL}(?:\]|:|\s+\[|\s*[-|]\s)"
    r"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [\w.-]+ [\w./()-]+(?:\[\d+\])?: "
    r"|- \d{10} \d{4}\.\d\d\.\d\d |\d{8}-\d{1,2}:\d{1,2}:\d{1,2}[:.]\d+\|"
    r"|[^\n]{0,200}?\b(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) \S{1,1000} HTTP/\d"
    r"|at [\w.$<>/]+\(|File \"[^\"\n]+\", line \d|Traceback \(most recent|Caused by: [\w.$]+:"
    r"|[^\n ]{1,40}/\d[\w.]* \([^\n]{0,80}\) )"
)
_DATA = compiled(  # what has signs of code in it and is none: JSON, comments, list items, markup
    r"\s*(?:[\[{,]*\s*\"[^\"\n]{1,40}\"\s*:|[\[{]+\"|#(?!include|define)|//|/?\*|--\s|<[a-zA-Z/!]"
    r"|&lt;)"
)
# One each: calls, operators, blocks, subscripts, names with an underscore, paths.
_MARK = compiled(
    r"[\w)\]]\((?!s\)|:)|[\w\]\"')]\)[:;]|[-=]>|::|&&|\|\||[-+*/|&!<>=:]="
    r"|(?<=[\w\]) ])=(?=[\w \"'(\[{$-])|[\w)\]'\"];[ \t]*$|\{\w*\}|[{}]|\w\[(?!$)"
    r"|\b[A-Za-z]*_\w+|\b[a-z]{2,}\.[a-z]{2,}[(.]|\b(?:self|cls|this|os|sys)\.\w|\w\.\w+\("
    r"|\(\(|(?<!:)\)\)|(?<=\w) [<>] (?=\w)|\bis (?:not )?None\b"
    r"|\$[{(A-Za-z_]|(?<=\s)--[a-z]|(?<=\s)-[A-Za-z](?=\s)|(?<!\w)&[\[\w]|\d?>/dev/null"
)
_CAMEL = compiled(r"\b[a-z]+[A-Z]\w*|\b[A-Z][a-z]+[A-Z]\w*")  # marks too, where there is another
_KEYWORD = compiled(
    r"\s*(?:(?:async )?def \w+\(|class \w+(?:\([\w., =\[\]]*\))?\s*[:{]|from [\w.]+ import\b"
    r"|import [\w.]+(?: as \w+)?(?:, ?[\w.]+)*;?$|elif\b|else:|try:|finally:|except\b[^.]*:$"
    r"|(?:return|yield|raise|del|global|nonlocal|await|assert)"
    r"(?: (?:not )?[\w.]+(?: (?:and|or|from|as|in|is) [\w.]+)?)?;?$"
    r"|(?:if|while|for|with|return|yield|raise|assert|lambda|and|or|not|in|is|case|match)\b"
    r"(?=.*(?:\w[(\[]|[=<>!]=|_\w| = |\w\.\w|\bis (?:not )?None\b))"
    r"(?:(?![.!?] [A-Z]).)*[:,)\](\"'\\]$"
    r"|(?<=[ \t]{4})(?:if|while|for|with|and|or)\b.*[:,\\]$"
    r"|(?:const|let|var|val) \w+\s*[=:;]|#(?:include|define)\b|(?:use|using|package) [\w.:]+;$"
    r"|(?:function|func|fn|struct|enum|interface|namespace|impl|pub|static|void|public|private"
    r"|protected)\b[^.,]*[({;]\s*$"
    r"|[a-z_][\w.]*(?:\[[^\]]*\])? ?[-+*/%|&]?= ?"
    r"(?:[\[{(]|[a-z_][\w.]*(?:[(\[]| [-+*/%<>=]|$)|-?\d|not )"
    r"|[A-Za-z_]\w* = [furb]?[\"'][^\"']*[\"'],?;?$"
    r"|[a-z]{2,}[A-Z]\w*\??:(?:\s|$)"
    r"|(?<=[ \t])(?!Ma?c|De|La|Le|Van)[A-Z][a-z]+[A-Z]\w*: [A-Z]\w*$"
    r"|[a-z]\w*(?:-\w+)+:(?: +(?:-?\d[\w.]*|\w+))?(?: +#.*)?$"
    r"|\w+: (?:[Tt]rue|false|False|null)(?: +#.*)?$"
    r"|\w+\??: (?:Final|str|int|float|bool|bytes|None|Any|string|number|boolean|void|any|u?int\d+"
    r"|[ui](?:8|16|32|64)|usize|f32|f64)\b(?:\[.*\])?(?: \| .*)?(?: = .*)?[,;]?$"
    r"|(?:SELECT\b.*\bFROM|INSERT INTO|CREATE TABLE|UPDATE \w+ SET|DELETE FROM)\b|>>> \S|\$ \S)"
)
_TOOLS = (
    r"(?:cp|mv|rm|mkdir|ls|grep|sed|awk|curl|wget|tar|chmod|chown|git|docker|kubectl|helm|terraform"
    r"|npm|npx|yarn|pnpm|pip3?|python3?|conda|brew|apt|apt-get|dnf|yum|apk|pacman|cargo|ssh|scp|aws"
    r"|rsync|gcloud|systemctl|journalctl|psql|mysql|redis-cli)"
)
_OPTION = r"(?: --[a-z]| -[A-Za-z]+(?: |$)| (?:\./|~/|/\w))"
_SHELL = compiled(
    r"\s*(?:(?:fi|done|esac|then|else|do|;;)(?:\s*;)?$|case .* in$|(?:for|select) \w+ in .*\bdo$"
    r"|(?:if|elif|while|until) (?:\[|!|\(\(|command |test )|alias [^\s=]+="
    r"|\[\[? .*(?:[!=]=|=~|-[a-z] ).* \]\]?|(?:exit|return) (?:\d+;?$|\$)|sudo \S"
    r"|(?:setopt|unsetopt|autoload|zmodload|compdef|bindkey|zstyle)\b"
    r"|(?:export|local|readonly|declare|typeset|unset|source|eval|exec|builtin|trap|set|shift)\b"
    r"(?=.*(?:[$=_{]| -))[^.!?]*$|(?:echo|printf) (?:-\w+ )?[\"'$]|\w+\*\)(?:\s|$)"
    rf"|{_TOOLS}\b(?=[^.!?]*(?:{_OPTION}| ?[|>$]|&&))[^,]*$"
    rf"|(?:cd|cat|find|make|go|kill|az)\b(?=[^.!?]*{_OPTION})[^,]*$)"  # words of prose too
)
# A list of identifiers, in quotes or not.
_QUOTED = compiled(
    r"[\s,(\[]*(?:([\"'])[\w.]+\1\s*[,)\]]+\s*)+$|[ \t]+(?:[\w.]+(?: as \w+)?,[ \t]*)+$"
)
_SMALL = compiled(r"[\s,(\[]*(?:'[a-z][\w.]*'\s*[,)\]]+\s*)+$")  # JSON has other quotes
_CODED = compiled(r"[a-z][A-Z]|[A-Za-z]\d|_")
_A_WORD = compiled(r"[^\W_]")
_SENTENCE = compiled(r"[a-z]{2} [a-z]{2,} [a-z]{2,} [a-z]{2}")
_SIGN = compiled(r"^[ \t]+\S|^[a-z]|[\"',:()\[\]=._\\]")


def may_hold_code(text: str) -> bool:
    """Tell whether a text has any sign of code or log, so that its lines are worth a look."""
    return _HINT.search(text) is not None


def is_code_line(line: str) -> bool | None:
    """Tell whether a line is code or log; None where it has no word, or is data or a comment."""
    if not _A_WORD.search(line) or _DATA.match(line):
        return None
    bare = line.rstrip()
    if _LOG.match(line) or _KEYWORD.match(bare) or _SHELL.match(bare):
        return True
    listed = (_QUOTED.match(line) and _CODED.search(line)) or _SMALL.match(line)
    return listed is not None or _is_code(line)


def _is_code(line: str) -> bool:
    marks = sum(1 for _ in _MARK.finditer(line))
    if not marks:
        return False
    marks += sum(1 for _ in _CAMEL.finditer(line))
    words = line.strip().count(" ") + 1
    return marks >= words * _LOWEST_SHARE and (marks > 1 or words <= _FEW)


def may_be_code(line: str) -> bool:
    """Tell whether a line between lines of code does not read as prose."""
    return not _SENTENCE.search(line) and bool(_SIGN.search(line))


def is_log_line(line: str) -> bool:
    """Tell whether a program wrote a line into its log."""
    return _LOG.match(line) is not None
