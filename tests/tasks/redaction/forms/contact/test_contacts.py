"""Addresses on the net are found to the character; versions, code and masks are left alone."""

from __future__ import annotations

import pytest

from tasks.redaction.forms.contact.contacts import CONTACTS
from tasks.redaction.matching.scanner import Scanner
from tests.tasks.redaction.clean_texts import CLEAN

# The value stands between ⟦ and ⟧.
PERSONAL = [
    ("EMAIL", "mail ⟦john.smith@example.com⟧."),
    ("EMAIL", "<⟦o'brien+tag@sub.example.co.uk⟧>"),
    ("EMAIL", '"⟦用户@例え.テスト⟧ wrote'),
    ("EMAIL", "mailto:⟦a_b@x-y.internal⟧?subject=hi"),
    ("EMAIL", "email=⟦jane@corp.zzz⟧&x"),
    ("EMAIL", '⟦"john doe"@example.org⟧ is odd'),
    ("EMAIL", "user ⟦müller@münchen.de⟧,"),
    ("EMAIL", "(⟦x@y.io⟧)"),
    ("EMAIL", "⟦j.d@[192.168.2.1]⟧ works"),
    ("EMAIL", "write to '⟦joe@site.museum⟧'"),
    ("EMAIL", "⟦!#$%&'*+-/=?^_`{|}~@example.org⟧ is valid"),
    ("EMAIL", "https://x.com/?email=⟦john@x.com⟧"),
    ("EMAIL", "⟦user@xn--bcher-kva.example⟧"),
    ("EMAIL", "mailto:⟦root@localhost⟧"),
    ("IP", "from ⟦203.0.113.47⟧"),
    ("IP", "http://⟦10.0.0.5⟧:8080/x"),
    ("IP", "⟦192.168.1.0⟧/24"),
    ("IP", "[⟦2001:db8::1⟧]:443"),
    ("IP", "⟦2001:0db8:85a3:0000:0000:8a2e:0370:7334⟧"),
    ("IP", "⟦fe80::1%eth0⟧ up"),
    ("IP", "⟦::ffff:192.0.2.128⟧"),
    ("IP", "⟦2001:db8::⟧/32"),
    ("IP", "client=⟦198.51.100.7⟧."),
    ("IP", "ip: ⟦1.2.3.4⟧"),
    ("MAC", "⟦00:1B:44:11:3A:B7⟧"),
    ("MAC", "⟦00-1b-44-11-3a-b7⟧"),
    ("MAC", "⟦001b.4411.3ab7⟧"),
    ("MAC", "MAC address ⟦001B44113AB7⟧"),
    ("URL", "see ⟦https://bob:hunter2@files.example.org/x?y=1⟧ there"),
    ("URL", "see ⟦https://example.org/in?token=abc123⟧ there"),
    ("URL", "⟦postgres://u:p4ss@db:5432/x⟧"),
    ("URL", "⟦https://api.example.com/v1?x=1&api_key=9f8e7d6c⟧."),
    ("URL", "⟦mongodb+srv://admin:pw%40d@cluster0.mongodb.net/test⟧"),
    ("URL", "⟦https://x.org/cb#access_token=ya12345&b=2⟧"),
    ("URL", "⟦redis://:secretpw@cache:6379⟧"),
    ("EMAIL", "reach me:⟦jo@x.photography⟧"),
    ("EMAIL", "E-Mail:⟦first.last+news@mail.example.travel⟧,"),
    ("EMAIL", '"John Doe" <⟦jd@corp.internal⟧>;'),
    ("EMAIL", "['⟦a@b.cc⟧']"),
    ("EMAIL", "*⟦jane.roe@example.org⟧*"),
    ("EMAIL", "`⟦jane.roe@example.org⟧`"),
    ("EMAIL", "user:⟦maría.garcía@correo.es⟧"),
    ("EMAIL", "(e-mail: ⟦x_y-z@sub-domain.example.info⟧)"),
    ("EMAIL", "⟦1234567890@qq.com⟧"),
    ("EMAIL", '⟦"much.more unusual"@example.com⟧'),
    ("IP", "Failed password for root from ⟦218.92.0.31⟧ port 22"),
    ("IP", "X-Forwarded-For: ⟦198.51.100.23⟧, "),
    ("IP", "ssh admin@⟦172.16.254.1⟧"),
    ("IP", "⟦8.8.8.8⟧ is dns"),
    ("IP", "⟦2a02:26f7:c0:b688::1⟧"),
    ("IP", "⟦2001:db8:0:0:1::1⟧"),
    ("IP", "addr ⟦fe80::202:b3ff:fe1e:8329⟧/64"),
    ("IP", "http://[⟦2001:db8:1f70::999:de8:7648:6e8⟧]:100/"),
    ("IP", "inet6 ⟦fd12:3456:789a:1::1⟧"),
    ("IP", '"ip":"⟦24.48.0.1⟧"'),
    ("IP", "⟦192.168.0.1⟧:8080"),
    ("IP", "my ip is ⟦73.12.4.9⟧."),
    ("IP", "IPv6 ⟦ABCD:EF01:2345:6789:ABCD:EF01:2345:6789⟧"),
    ("MAC", "ether ⟦a4:83:e7:2f:10:9b⟧ txqueuelen"),
    ("MAC", "BSSID ⟦A4-83-E7-2F-10-9B⟧"),
    ("MAC", "⟦12:34:56:78:90:12⟧"),
    ("MAC", "mac=⟦a483e72f109b⟧"),
    ("MAC", "⟦a483.e72f.109b⟧"),
    ("URL", "⟦ftp://john:pa%40ss@ftp.example.com/dir⟧"),
    ("URL", "⟦https://ghp_abc123def456@github.com/o/r.git⟧"),
    (
        "URL",
        "⟦https://s3.amazonaws.com/b/k?X-Amz-Credential=AKIA&X-Amz-Signature=abcdef0123456789⟧",
    ),
    ("URL", "⟦https://app.example.com/reset?reset_token=Zx81kLm0⟧"),
    ("URL", "⟦https://example.com/login?user=jo&password=hunter2⟧"),
    ("URL", "<⟦https://u:p@h.example⟧>"),
    ("URL", "[link](⟦https://example.com/?session_id=abcd1234⟧)"),
    ("URL", "⟦jdbc:postgresql://u:s3cr3t@db.example.com/x⟧"),
    ("URL", "⟦amqp://guest:guest@rabbit:5672/⟧"),
    ("URL", "⟦https://maps.googleapis.com/x?key=AIzaSyD9tSrke72PouQMnMXa7eZSW0jkFMBWY00⟧"),
    ("IP", "⟦4.26.14.46⟧ logged in"),
    ("EMAIL", "cc: a@b.io,⟦c@d.io⟧;e@f.io"),
    ("IP", "hosts 203.0.113.5,⟦203.0.113.6⟧ 203.0.113.7"),
    ("IP", "from 10.0.0.1-⟦10.0.0.9⟧ all"),
    ("IP", "range ⟦192.168.1.10⟧-192.168.1.20"),
]


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(CONTACTS)


@pytest.mark.parametrize(("kind", "marked"), PERSONAL)
def test_a_value_is_found_from_its_first_sign_to_its_last(
    scanner: Scanner, kind: str, marked: str
) -> None:
    marked = marked.replace("·", "")
    text = marked.replace("⟦", "").replace("⟧", "")
    span = (kind, marked.index("⟦"), marked.index("⟧") - 1)
    assert span in [(one.kind, one.start, one.end) for one in scanner.find(text)]


@pytest.mark.parametrize("text", CLEAN)
def test_what_only_looks_alike_is_left(scanner: Scanner, text: str) -> None:
    assert scanner.find(text) == []
