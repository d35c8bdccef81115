"""Which kinds of ours the tags and slots of public labelled sets are (`names_sets`).

Countries, towns and facilities are places; teams, bands and parties organizations; peoples, works,
products and events nothing. What a set labels without regard to its sense is left out of account.
"""

from __future__ import annotations

P, L, O = ["PERSON"], ["LOCATION"], ["ORGANIZATION"]  # noqa: E741
BAND, HOUSE, ANY = [*P, *O], [*O, *L], list[str]()
TAGS: dict[str, list[str]] = {
    "PER": P, "LOC": L, "ORG": O,  # Universal NER, wikigold, Broad Twitter Corpus
    "person": P, "location": L, "group": O, "corporation": O,  # WNUT17
    "politician": P, "musicalartist": P, "scientist": P, "writer": P, "researcher": P,  # CrossNER
    "country": L, "organisation": O, "politicalparty": O, "university": O, "band": O,
    "academicjournal": ANY, "magazine": ANY, "conference": ANY,
}  # fmt: skip
SLOTS: dict[str, list[str]] = {
    "person_name": P, "company_name": O,  # NLU++
    "person": P, "place_name": L, "business_name": HOUSE, "artist_name": BAND,  # NLU-Evaluation
    "transport_agency": O, "radio_name": ANY, "time_zone": ANY, "definition_word": ANY,
    "transport_name": ANY,
    "city": L, "state": L, "country": L, "geographic_poi": L, "poi": L, "artist": BAND,  # SNIPS
    "location_name": HOUSE, "restaurant_name": HOUSE, "service": O, "entity_name": ANY,
    "contact_name": P, "receiver": P, "recipient_account_name": P, "therapist_name": P,  # SGD
    "doctor_name": P, "directed_by": P, "director": P, "starring": P, "actors": P, "cast": P,
    "dentist_name": [*P, *O], "stylist_name": HOUSE, "hotel_name": HOUSE, "place_name_": HOUSE,
    "property_name": HOUSE, "attraction_name": HOUSE, "theater_name": HOUSE, "venue": HOUSE,
    "airlines": O, "event_name": ANY, "from_city": L, "to_city": L, "location": L, "area": L,
    "where_to": L, "from": L, "to": L, "destination": L, "origin": L, "from_location": L,
    "to_location": L, "from_station": L, "to_station": L, "origin_airport": L,
    "destination_airport": L, "origin_city": L, "destination_city": L, "pickup_location": L,
    "pickup_city": L, "address": L, "street_address": L, "venue_address": L, "visit_location": L,
}  # fmt: skip
GUM = {"person": P, "place": L, "organization": O}
