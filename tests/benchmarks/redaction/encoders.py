"""Encodings that hide a value, in the form that `disguises.py` describes."""

from __future__ import annotations

import base64
import json
import random
import urllib.parse

from tests.benchmarks.redaction.disguises import full_width, some, zero_width


def html_decimal(value: str, kind: str, random_: random.Random) -> str:
    return some(value, random_, lambda sign: f"&#{ord(sign)};", random_.choice((0.3, 1.0)))


def html_hex(value: str, kind: str, random_: random.Random) -> str:
    return some(value, random_, lambda sign: f"&#x{ord(sign):x};", random_.choice((0.3, 1.0)))


def html_named(value: str, kind: str, random_: random.Random) -> str | None:
    names = {"@": "&commat;", ".": "&period;", "-": "&hyphen;", ":": "&colon;", " ": "&nbsp;"}
    done = "".join(names.get(sign, sign) for sign in value)
    return done if done != value else None


def tags(value: str, kind: str, random_: random.Random) -> str:
    tag = random_.choice(("b", "span", "i", "em", "font"))
    place = random_.randrange(1, len(value) - 1)
    kept = value[place : place + 2]
    style = ' style="color:red"' if tag == "span" else ""
    return f"{value[:place]}<{tag}{style}>{kept}</{tag}>{value[place + 2 :]}"


def percent(value: str, kind: str, random_: random.Random) -> str | None:
    if random_.random() < 0.5:
        return "".join(f"%{ord(sign):02X}" for sign in value)
    done = urllib.parse.quote(value, safe="")
    return done if done != value else None


def percent_twice(value: str, kind: str, random_: random.Random) -> str | None:
    done = urllib.parse.quote(urllib.parse.quote(value, safe=""), safe="")
    return done if done != value else None


def json_escape(value: str, kind: str, random_: random.Random) -> str:
    mark = random_.choice(("\\u", "\\\\u"))
    return some(value, random_, lambda s: f"{mark}{ord(s):04x}", random_.choice((0.2, 1.0)))


def hex_escape(value: str, kind: str, random_: random.Random) -> str:
    return some(value, random_, lambda sign: f"\\x{ord(sign):02x}", random_.choice((0.2, 1.0)))


def json_dump(value: str, kind: str, random_: random.Random) -> str:
    """JSON in JSON, with the signs escaped that some writers escape."""
    inner = json.dumps({"note": f"seen:\n{value}"}).replace("/", "\\/").replace("@", "\\u0040")
    return json.dumps(inner)


def base_64(value: str, kind: str, random_: random.Random) -> str:
    return base64.b64encode(value.encode()).decode()


def base_64_url(value: str, kind: str, random_: random.Random) -> str:
    return base64.urlsafe_b64encode(f"value: {value}".encode()).decode().rstrip("=")


def base_32(value: str, kind: str, random_: random.Random) -> str:
    return base64.b32encode(value.encode()).decode()


def hexadecimal(value: str, kind: str, random_: random.Random) -> str:
    return (
        value.encode().hex(random_.choice((" ", ":")))
        if random_.random() < 0.5
        else value.encode().hex()
    )


def quoted_printable(value: str, kind: str, random_: random.Random) -> str | None:
    done = value.replace("=", "=3D").replace("@", "=40").replace(".", "=2E")
    place = len(done) - 3
    return done if "=40" in done else done[:place] + "=\n" + done[place:]


def nested(value: str, kind: str, random_: random.Random) -> str:
    inner = random_.choice((percent_twice, html_decimal, json_escape, zero_width, full_width))
    return base_64(inner(value, kind, random_) or html_hex(value, kind, random_), kind, random_)


def entities_in_percent(value: str, kind: str, random_: random.Random) -> str:
    return urllib.parse.quote(html_decimal(value, kind, random_), safe="")
