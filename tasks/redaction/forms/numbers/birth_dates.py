"""Detectors of dates of birth: a date beside a word of birth. Other dates are facts, and stay.

Needs the standard library only. Reads ISO, American and European dates with two- or four-digit
years, and month names in English, German, French, Spanish, Italian, Portuguese and Dutch.
"""

from __future__ import annotations

import re

from tasks.redaction.matching.first_letters import by_first_letter, where_words_start
from tasks.redaction.matching.scanner import Detector
from tasks.redaction.patterns import compiled

_MONTH = by_first_letter(
    r"jan(?:uary|uar|vier|eiro|uari)?|j[äa]nner|ener[o]|gennaio|feb(?:ruary|ruar|rero|braio|ruari)?"
    r"|f[ée]v(?:rier|ereiro)?|mar(?:ch|s|zo|[çc]o|et)?|m[äa]rz|maart|mrt|apr(?:il|ile)?|avr(?:il)?"
    r"|abr(?:il)?|may|ma[iyj]|mayo|maio|mei|maggio|june?|juin|junio|junho|giugno|juni|july?|juillet"
    r"|julio|julho|luglio|juli|aug(?:ust|ustus)?|ao[ûu]t|ago(?:sto)?|sept?(?:ember|embre|tembre"
    r"|iembre|tiembre)?|set(?:embro|tembre)?|o[ck]t(?:ober|obre|ubre)?|out(?:ubro)?|ottobre"
    r"|nov(?:ember|embre|iembre|embro)?|de[cz](?:ember|embro)?|d[ée]c(?:embre)?|dic(?:iembre|embre)?"
)
_DAY = (
    r"(?:(?:0?[1-9]|[12]\d|3[01])(?:st|[nr]d|th|er|º|°|\.)?"
    r"|(?:twenty[- ]|thirty[- ])?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)"
    r"|tenth|eleventh|twelfth|(?:thir|four|fif|six|seven|eigh|nine)teenth|twentieth|thirtieth)"
)
_YEAR = r"(?:(?:19|20)\d\d(?!\d)|['’]?\d\d(?!\w))"
_FULL_YEAR = r"(?:19|20)\d\d(?!\d)"
_DATE = (
    rf"(?<![\w./-])(?:{_FULL_YEAR}(?P<a>[-/. ])(?:1[0-2]|0?[1-9])(?P=a)(?:3[01]|[12]\d"
    rf"|0?[1-9])(?!\d)"
    rf"|(?:3[01]|[12]\d|0?[1-9])(?P<b>[-/. ]|\. |, | / | - )(?:3[01]|[12]\d|0?[1-9])(?P=b){_YEAR}"
    rf"|{_DAY}(?:\s(?:day )?(?:of |de |d['’]))?[\s,/-]{{0,2}}{_MONTH}\b\.?(?:[\s,-]{{1,2}}(?:of "
    rf"|de |del )?|/)"
    rf"{_YEAR}"
    rf"|{_MONTH}\b\.?[\s-](?:the )?{_DAY}(?:,\s?|\s|-|\sof\s){_YEAR}"
    rf"|{_FULL_YEAR}[-,\s]{{1,2}}{_MONTH}\b\.?[-\s]{_DAY}(?!\d)"
    rf"|{_FULL_YEAR}年\s?\d\d?月\s?\d\d?日"
    r"|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d))"
)
_YEAR_NEXT = r"\.?[\s,-]{1,3}(?:of |de |del )?['’]?\d\d"
# Without a year, or without a day: only right behind the word.
_PART = (
    rf"(?:\b{_MONTH}\b\.?\s(?:the )?{_DAY}(?!\w|{_YEAR_NEXT})"
    rf"|(?<!\d){_DAY}\s(?:of |de )?{_MONTH}\b(?!{_YEAR_NEXT})"
    rf"|\b{_MONTH}\b\.?,?\s(?:of )?{_FULL_YEAR})"
)
_ANYWHERE = (
    r"birth|born\b|geboren|geburt|geboorte|naissance|n[ée]e?\sle\b|anniversaire|nacimiento|nacid[oa]"
    r"|cumplea|nascita|compleanno|nascimento|anivers[áa]rio|f[øöo]d(?:t|d|els|sels)|syntym|urodz"
    r"|narozen|years old|wedding anniversary|our anniversary|my anniversary"
)
_WORD_START = (
    r"d\.?\s?o\.?\s?b\b|b-?day\b|b\.|geb\.|ur\.|gebdat|nac[ií]|nat[oa]\s(?:il|a)\b|nasci"
    r"|turn(?:s|ed|ing)? \d\d|aged? \d\d|age is"
)
_WORD = rf"(?:{by_first_letter(_ANYWHERE)}|\b{by_first_letter(_WORD_START)})"
# The same in the scanner's bytes, where a letter with an accent is any byte. A digit comes next;
# but asked for behind the second kind too, it would make Hyperscan slow.
_TRIGGER = (
    r"(?:birth|\bborn\b|geburt|geboorte|naissance|anniversa|nacimiento|cumplea|nascita|compleanno"
    r"|nascimento|anivers|syntym|urodz|narozen|years old)[^0-9]{0,110}[0-9]"
    r"|\bd\.?\s?o\.?\s?b\b|\bb-?day\b|\bb\.\s?[0-9a-z]|\bgebor|\bgeb\.|\bur\.|\bgebdat|\bn.e?\sle\b"
    r"|\bnac[i\xed]|\bnat[oa]\s(?:il|a)\b|\bf[o\xf6\xf8]d[teds]|\bturn(?:s|ed|ing)? [0-9]{2}"
    r"|\baged? [0-9]{2}|\bage is"
)
_TRIGGER_BEHIND = (
    r"[0-9][^0-9\n!]{0,64}(?:birth|born\b|\bdob\b|\bd\.o\.b|\bb-?day|geboren|geburtstag|my age)"
)
# A date behind one of these is another date, though a birth was spoken of before it.
_EVENT = compiled(
    "(?i)"
    + where_words_start(
        r"expir|issue|valid|order|since\b|deliver|ship|start|appoint|invoice|due\b|found|died\b"
        r"|death|visit|admitted|admission|meeting|purchas|paid|sign|hired|graduat|married|employ"
        r"|updated|created|modified|joined|arriv|depart|check-?in|today|released?\b|publish"
    )
)


def _of_birth(match: re.Match[str]) -> bool:
    return not _EVENT.search(match["gap"])


BIRTH_DATES = (
    Detector(
        kind="DATE_OF_BIRTH",
        name="birth-date",
        trigger=_TRIGGER,
        pattern=compiled(rf"(?is){_WORD}(?P<gap>.{{0,90}}?)(?P<value>{_DATE})"),
        score=0.85,
        before=140,
        after=140,
        check=_of_birth,
        needs_digit=True,
    ),
    Detector(
        kind="DATE_OF_BIRTH",
        name="birth-date-part",
        trigger=_TRIGGER,
        pattern=compiled(
            rf"(?i){_WORD}(?P<gap>\w{{0,8}}(?:\s(?:is|was|it['’]s|on|in|the)|[:=,]){{0,3}}\s)"
            rf"(?P<value>{_PART})"
        ),
        score=0.7,
        before=140,
        after=80,
        check=_of_birth,
        needs_digit=True,
        once=0,
    ),
    Detector(
        kind="DATE_OF_BIRTH",
        name="birth-date-before",
        trigger=_TRIGGER_BEHIND,
        pattern=compiled(
            rf"(?i)(?P<value>{_DATE})(?P<gap>[^\d\n.!?]{{0,40}}?)(?:\b(?:date of birth"
            r"|birth ?(?:day|date)|was born|were born|am born"
            r"|(?:is|was) when [^\d\n.!?]{0,12}born|dob\b|d\.o\.b|b-?day|geboren"
            r"|geburtstag|my age)|[(\[]?born\b)"
        ),
        score=0.8,
        before=110,
        after=24,
        check=_of_birth,
        needs_digit=True,
    ),
)
