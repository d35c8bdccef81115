"""Presidio as people use it: its own recognizers for English, with or without the names model."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from tasks.redaction.findings import Finding
from tasks.redaction.names.model import DEFAULT_NAMES_MODEL, find_names_model

KINDS = {
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "CREDIT_CARD": "CARD",
    "IBAN_CODE": "IBAN",
    "US_BANK_NUMBER": "ACCOUNT",
    "US_SSN": "SSN",
    "US_ITIN": "TAX_ID",
    "UK_NHS": "HEALTH_ID",
    "US_PASSPORT": "PASSPORT",
    "US_DRIVER_LICENSE": "LICENSE",
    "IP_ADDRESS": "IP",
    "MAC_ADDRESS": "MAC",
    "CRYPTO": "CRYPTO",
    "DATE_TIME": "DATE_OF_BIRTH",
    "PERSON": "PERSON",
    "LOCATION": "LOCATION",
    "ORGANIZATION": "ORGANIZATION",
}
NAMES = ("PERSON", "LOCATION", "ORGANIZATION")


class Presidio:
    """An AnalyzerEngine over the default English recognizers; reaches no network."""

    def __init__(self, *, names: bool) -> None:
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine

        logging.getLogger("presidio-analyzer").setLevel(logging.CRITICAL)
        configuration = NerModelConfiguration(
            labels_to_ignore=["CARDINAL", "MONEY", "ORDINAL", "PERCENT", "QUANTITY", "TIME"],
        )
        engine: Any = SpacyNlpEngine(ner_model_configuration=configuration)
        engine.nlp = {"en": _pipeline(names=names)}
        registry = RecognizerRegistry(supported_languages=["en"])
        registry.load_predefined_recognizers(languages=["en"], nlp_engine=engine)
        registry.recognizers = [
            one for one in registry.recognizers if names or one.name != "SpacyRecognizer"
        ]
        _without_network()
        self._analyzer = AnalyzerEngine(
            registry=registry, nlp_engine=engine, supported_languages=["en"]
        )
        # DATE_TIME takes every date; it is no measure of dates of birth.
        wanted = [kind for kind in KINDS if kind != "DATE_TIME" and (names or kind not in NAMES)]
        known = set(self._analyzer.get_supported_entities("en"))
        self._wanted = [kind for kind in wanted if kind in known]

    def find(self, texts: Sequence[str]) -> list[list[Finding]]:
        """Return the findings of each text, in our kinds: what all its recognizers find."""
        return [
            [
                Finding(KINDS[one.entity_type], one.start, one.end, one.score, "presidio")
                for one in self._analyzer.analyze(text, "en")
                if one.entity_type in self._wanted
            ]
            for text in texts
        ]


def _pipeline(*, names: bool) -> Any:
    import spacy

    if not names:
        return spacy.blank("en")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return spacy.load(find_names_model(DEFAULT_NAMES_MODEL))


def _without_network() -> None:
    """Let its e-mail recognizer use the list of public suffixes that its package carries."""
    import tldextract

    place = "presidio_analyzer.predefined_recognizers.generic.email_recognizer"
    module: Any = import_module(place)

    offline = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    module.tldextract = SimpleNamespace(extract=offline)
