"""Addresses with their signs in words are read; sentences and programs are not."""

from __future__ import annotations

import pytest

from tasks.redaction.disguises.spelled import spelled_views


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("john [at] mail (dot) com", "john@mail.com"),
        ("john.doe at gmail dot com", "john.doe@gmail.com"),
        ("john AT gmail DOT com", "john@gmail.com"),
        ("john_at_gmail_dot_com", "john@gmail.com"),
        ("john-at-gmail-dot-com", "john@gmail.com"),
        ("johnATgmailDOTcom", "john@gmail.com"),
        ("john{at}mail{dot}co{dot}uk", "john@mail.co.uk"),
        ("ole(a)fjordnett.no", "ole@fjordnett.no"),
        ("john @ gmail . com", "john@gmail.com"),
        ("john@gmail dot com", "john@gmail.com"),
        ("max (ät) firma punkt de", "max@firma.de"),
        ("ana arroba correo punto es", "ana@correo.es"),
        ("john underscore doe at yahoo dot com", "john_doe@yahoo.com"),
        ("mary <at> corp <dot> internal", "mary@corp.internal"),
        ("ana (at) gmail", "ana@gmail.com"),
        ("anna at gmail.com", "anna@gmail.com"),
        ("moc.elpmaxe@nhoj", "john@example.com"),
        ("john@example,com", "john@example.com"),
        ("10 dot 0 dot 0 dot 1", "10.0.0.1"),
        ("192[.]168[.]1[.]20", "192.168.1.20"),
        ("hxxps[:]//u:p@host", "https://u:p@host"),
    ],
)
def test_signs_in_words_are_read(written: str, plain: str) -> None:
    text = f"so: {written} ok"
    found = [
        text[slice(*view.origin(place, place + len(plain)))]
        for view in spelled_views(text)
        if (place := view.text.find(plain)) >= 0
    ]
    assert written in found


@pytest.mark.parametrize(
    "text",
    [
        "look at me. dot com was a boom",
        "this dot com bubble",
        "I bought it at amazon.com",
        "find us at booking dot com",
        "contact me at gmail.com",
        "version 1.2.3.4 at example.org",
        "np.array(at).foo f(at).x",
        "/look/at/file.txt",
        "nx.is_at_free(G)",
        "the party @ home. So we went",
        "eva_state_dict\n\n@torch.no_grad()",
        "1.2.3.4 and 1.2, 3.4",
    ],
)
def test_sentences_and_programs_stay(text: str) -> None:
    assert [view.text for view in spelled_views(text)] == []
