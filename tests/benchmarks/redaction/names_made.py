"""Sentences made for kinds of names that the public sets lack: chats, labels, letters, code.

The weights of English names are fitted to them beside the labelled sets (`names_fit`); nothing is
measured on them. Names are drawn from the word lists and made of syllables, by a fixed seed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from typing import Any

from tasks.redaction.names.word_lists import word_lists

_KINDS = {
    "p": "PERSON",
    "w": "PERSON",
    "f": "PERSON",
    "s": "PERSON",
    "l": "LOCATION",
    "a": "LOCATION",
    "b": "LOCATION",
    "o": "ORGANIZATION",
}
# {p} a full name, {f} a first name, {s} a surname, {l} a place, {o} an organization, {n} a number,
# {w} a name made of words, {q} the name of a thing, {t} a partnership, {a} an airport, {b} a state
TEMPLATES = r"""
transfer {n} to {p}
send {n} pounds to {p} please
pay {p} {n} from my savings account
i want to pay {p} back the {n} i owe
set up a standing order to {p} for {n} a month
cancel the payment to {p}
how much did i spend at {o} last month
i was charged twice by {o}
there is a payment to {o} that i do not know
refund from {o} has not arrived
my {o} subscription went up again
when does {o} take the money
put the booking under {p}
the reservation is under the name of {p}
it's {p}
this is {p} speaking
my surname is {s}
it is for {p} and {p}
a room for {p}, two nights
Booking for {p}.
Table for two, name of {s}.
Reservation: {p}, {n} guests
call {f} and tell him i am late
remind me to ring {f} at {n}
email {f} the notes
text {p} that we are in {l}
is {f} coming too
did you see {f} yesterday?
ask {f} about the keys
take a taxi from {l} to {l}
what is the weather in {l}
any hotels near {l}
flights from {l} to {l} on friday
i live near {l} and work for {o}
Many thanks {f},
Thanks {f}, that helps.
Thank you so much {f}!
Hi {f}, how are you?
Morning {f}
Sorry {f}, I forgot.
{f}, can you look at this?
Could you ring me back, {f}?
See you on Friday, {f}
Cheers,\n{f}
Best,\n{p}
Kind regards\n{p}\n{o}
Love,\n{f}
Ms. {s} will see you now.
We have asked Mr. {s} to wait.
Dr {s} is away until Monday.
According to Prof. {s}, it is too early.
Mrs {s} signed the form.
{s} was not there when the police came.
"I never said so," {s} replied.
The judge asked {s} to sit down.
{s} and {s} disagree about the cost.
Booking for {w}.
A room for {w}, please.
My name is {w}.
{w} called about the order.
I spoke to {w} this morning.
table for {w} at eight
the account is in the name of {w}
We land at {a} at nine.
The flight from {a} to {a} is late.
pick me up from {a}
She lives in {l}, {b}.
They met in {l}, {b}, in May.
What is your surname?\n\n{s}
your last name please?\n\n{s}
And the name on the account?\n\n{p}
Who should I ask for?\n\n{s}
And your name?\n\n{f}
{s}
{s}.
Where do you live?\n\n{l}
which city please?\n\n{l}
We were advised by {t}.
We flew with {o} last year.
she works at {o}
The {o} office is closed.
i cancelled {o} but they still charge me
{o} declined to comment.
The {i} declined.
The {i} said on Monday that it would wait.
A letter from the {i} came today.
We heard it from the {i} first.
{o} is hiring again.
She left {o} in May to join {o}.
The figures come from {o} and {o}.
{o}'s shares fell by {n} percent.
We bought it at {o} in {l}.
{p} of {o} flew to {l}.
We moved to {l}, {l}.
He grew up in {l} near {l}.
Our office in {l} is closed.
The train to {l} leaves at {n}.
{"name": "{p}", "city": "{l}", "company": "{o}"}
{"first": "{f}", "last": "{s}"}
user = User(name="{f}", city="{l}")
const order = { customerName: '{f}', shipTo: x.y };
2024-01-15 10:30:45 INFO auth: user={p} logged in
Name: {p}\nTown: {l}\nEmployer: {o}
Customer: {p}
We were sued by {t}.
ok so {f} said we could meet at {o}
we got an offer from {c} yesterday
The invoice is from {c}.
{c} sent the wrong parts
#{l} is lovely in spring
{p} from {l} called about the {o} order
Both {p} and {p} know {f}.
""".strip().split("\n")
CLEAN = r"""
The Lessor shall pay the Lessee within {n} days.
The Buyer and the Seller agree to the Terms.
This Agreement binds the Parties and the Guarantor.
The Tenant must tell the Landlord in writing.
The Committee may ask the Chair to resign.
is a SEPA transfer free
my IBAN and BIC are on the card
I am an ISTJ and she is an ENFP.
We need an NDA, a PO and the SOW by Monday.
The PDF and the CSV have the same KPIs.
Fill in the W-9 and the VAT form.
the app says my ATM pin is wrong
what is the exchange rate for gbp to eur
do you take visa or mastercard or amex
does google pay work with my card
can i use apple pay here
Use a Fourier transform, then a Gaussian filter.
A Bayesian prior and a Markov chain are enough.
She has {q}'s disease and a Caesarean scar.
The {q} theorem and the {q} test are used here.
By {q}'s law, the {q} effect is small.
The Greeks and the Persians were at war.
Many Swedes and Danes speak English.
An Elizabethan house with Victorian windows.
Have you read War and Peace?
We watched Gone with the Wind again.
They sang Let It Be and Yellow Submarine.
The Senior Project Manager and the Head of Sales agree.
Please see Section {n}, Table {n} and Figure {n}.
Press Ctrl and Alt, then open Settings and Privacy.
Good Morning and Happy New Year!
Terms and Conditions Apply
how do i top up my card
top up did not work again
why was i charged a fee
my transfer is still pending
""".strip().split("\n")
_FIRMS = """
easyJet eBay Tesco Netflix Barclays Amazon Aldi Lidl Ikea Vodafone Spotify Uber Lloyds
Santander Starbucks Argos
Asda Sainsburys Ryanair EasyJet Airbnb Paypal Monzo Revolut Microsoft Toyota Nestle Siemens Google
Yahoo Walmart Costco Hilton Marriott Nike Adidas Samsung Sony Boeing Pfizer Exxon Chevron Verizon
Reuters BBC NATO UNESCO Interpol Greenpeace Oxfam Harvard Stanford Hamas Hezbollah Congress Greggs
Waitrose Deliveroo Disney Comcast Fedex DHL UPS Ebay Etsy Zara Primark Morrisons Shell Texaco
""".split()  # noqa: SIM905
_INSTITUTIONS = """
Treasury Pentagon Senate Kremlin Admiralty Vatican Bundestag Knesset Commission Fed Foreign_Office
Home_Office Supreme_Court State_Department White_House Met_Office Security_Council High_Court
""".split()  # noqa: SIM905
_SYLLABLES = """
bru nel da osk tor vin ka li mo fer gus ta wen zel dro pak sti han ob ri yel qua
""".split()  # noqa: SIM905
_AIRPORTS = ("LAX", "JFK", "SFO", "ORD", "LHR", "CDG", "FRA", "MUC", "DUB", "SIN", "HND", "SYD")
_STATES = ("Ont.", "Ill.", "Calif.", "Mass.", "Conn.", "Fla.", "Tex.", "Wash.", "B.C.")
_ENDS = ("Ltd", "Inc", "LLC", "Traders Inc", "Tools Ltd", "Group", "Foods", "Partners LLP")


def made(count: int = 5000, seed: int = 7) -> Iterator[dict[str, Any]]:
    """Yield rows of the form of the labelled sets."""
    chance = random.Random(seed)
    draw = _drawers(chance)
    for number in range(count):
        clean = number % 4 == 0
        template = chance.choice(CLEAN if clean else TEMPLATES).replace("\\n", "\n")
        text, labels, end = "", list[list[Any]](), 0
        for match in re.finditer(r"\{([a-z])\}", template):
            text += template[end : match.start()]
            value = draw[match[1]]()
            kind = _KINDS.get(match[1], "ORGANIZATION")
            if match[1] not in "nq":
                labels.append([len(text), len(text) + len(value), [kind]])
            text, end = text + value, match.end()
        text += template[end:]
        small = template.islower() or ("\n" not in template and chance.random() < 0.2)
        if small and "{" not in text and len(text.lower()) == len(text):
            text = text.lower()
        yield {"genre": "made", "text": text, "labels": labels}


def _drawers(chance: random.Random) -> dict[str, Callable[[], str]]:
    lists = word_lists()

    def listed(words: frozenset[str], known: bool) -> list[str]:
        return sorted(
            word for word in words
            if word.isascii() and word.isalpha() and len(word) > 2
            and lists.known(word) == known and word not in lists.never
        )  # fmt: skip

    first, last = listed(lists.first_names, known=False), listed(lists.surnames, known=False)
    common = listed(lists.first_names, known=True), listed(lists.surnames, known=True)
    places = listed(lists.places, known=False) + listed(lists.villages, known=False)[::40]
    syllables = ["".join(chance.choices(_SYLLABLES, k=k)) for k in (2, 2, 3) for _ in range(400)]

    def given() -> str:
        return chance.choice(chance.choice((first, first, first, common[0], syllables))).title()

    def surname() -> str:
        short = ["ma", "li", "ng", "wu", "yu", "ho", "oh", "lo", "xu", "he"]
        return chance.choice(chance.choice((last, last, common[1], syllables, short))).title()

    def firm() -> str:
        made_up = chance.choice(syllables).title() + chance.choice(("", " " + chance.choice(_ENDS)))
        return chance.choice((chance.choice(_FIRMS), chance.choice(_FIRMS), made_up))

    return {
        "f": given,
        "s": surname,
        "p": lambda: f"{given()} {surname()}",
        "q": surname,
        "w": lambda: f"{chance.choice(common[0])} {chance.choice(common[1])}".title(),
        "t": lambda: f"{surname()}, {surname()} and {surname()}",
        "a": lambda: chance.choice(_AIRPORTS),
        "b": lambda: chance.choice(_STATES),
        "l": lambda: chance.choice(places).title(),
        "o": firm,
        "i": lambda: chance.choice(_INSTITUTIONS).replace("_", " "),
        "c": lambda: f"{surname()} {chance.choice(_ENDS)}",
        "n": lambda: str(chance.randrange(2, 900)),
    }
