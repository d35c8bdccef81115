"""Detectors of tokens that services give out: each has a mark that its service publishes."""

from __future__ import annotations

import base64
import binascii
import json
import re

from tasks.redaction.matching.scanner import Detector
from tasks.redaction.patterns import compiled

# A service's mark (in its own case), and what follows it.
_FORMS = (
    r"gh[pousr]_[A-Za-z0-9]{30,255}",  # GitHub
    r"github_pat_[A-Za-z0-9_]{30,255}",
    r"gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent)-[A-Za-z0-9_.-]{17,99}[A-Za-z0-9_-]",  # GitLab
    r"xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,250}",  # Slack
    r"xapp-[0-9]-[A-Za-z0-9-]{20,250}",
    r"[srp]k_(?:live|test)_[A-Za-z0-9]{10,250}",  # Stripe
    r"whsec_[A-Za-z0-9+/=]{20,100}",
    r"AIza[A-Za-z0-9_-]{30,40}",  # Google
    r"ya29\.[A-Za-z0-9_.-]{20,500}",
    r"GOCSPX-[A-Za-z0-9_-]{20,40}",
    r"1//0[A-Za-z0-9_-]{30,120}",
    r"sk-(?:ant-|proj-|svcacct-|admin-|or-v1-|lf-)[A-Za-z0-9_-]{16,300}",  # OpenAI, Anthropic
    r"sk-(?=[A-Za-z]*[0-9])[A-Za-z0-9]{20,100}",
    r"hf_[A-Za-z0-9]{20,60}|api_org_[A-Za-z0-9]{30,40}",  # Hugging Face
    r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}",  # SendGrid
    r"(?:SK|AC)[0-9a-f]{32}",  # Twilio
    r"npm_[A-Za-z0-9]{30,60}",
    r"pypi-[A-Za-z0-9_-]{16,300}",
    r"do[opr]_v1_[a-f0-9]{40,80}",  # DigitalOcean
    r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",  # Shopify
    r"(?:sq0[a-z]{3}-|EAAA)[A-Za-z0-9_-]{22,80}",  # Square
    r"EAA[A-Za-z0-9]{60,300}",  # Facebook
    r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}",  # Airtable
    r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,80}|xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}",
    r"key-[0-9a-f]{32}|[0-9a-f]{32}-us[0-9]{1,2}",  # Mailgun, Mailchimp
    r"hv[sbr]\.[A-Za-z0-9_-]{20,250}",  # Vault
    r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,60}",
    r"AT(?:ATT|CTT|BB)[A-Za-z0-9_=-]{20,250}",  # Atlassian
    r"lin_(?:api|oauth)_[A-Za-z0-9]{30,60}",  # Linear
    r"(?:secret|ntn)_[A-Za-z0-9]{40,60}",  # Notion
    r"fig[duo]_[A-Za-z0-9_-]{20,60}",  # Figma
    r"dp\.(?:pt|st|ct|sa)\.[A-Za-z0-9_.-]{30,80}",  # Doppler
    r"dapi[0-9a-f]{32}(?:-[0-9])?",  # Databricks
    r"dd[pa]_[A-Za-z0-9]{30,50}",  # Datadog
    r"glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}|glc_[A-Za-z0-9+/=]{30,250}",  # Grafana
    r"NRAK-[A-Z0-9]{27}|NRJS-[a-f0-9]{19}",  # New Relic
    r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}",  # Postman
    r"rubygems_[a-f0-9]{48}",
    r"(?:gsk|r8|pcsk|xai|pplx|nvapi|tgp_v1|fw|e2b|wandb_v1)[_-][A-Za-z0-9_-]{28,120}",  # models
    r"AGE-SECRET-KEY-1[A-Z0-9]{50,60}",
    r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}",  # Telegram
    r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}",  # Discord
    r"https://hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/+_-]{20,120}",
    r"https://(?:\w+\.)?discord(?:app)?\.com/api/webhooks/[0-9]{15,20}/[A-Za-z0-9_-]{40,100}",
    r"https://[\w.-]{1,60}\.webhook\.office\.com/[A-Za-z0-9/@_-]{40,200}",
    r"[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}",  # Microsoft Entra
    r"p8e-[A-Za-z0-9]{30,40}|ops_eyJ[A-Za-z0-9+/=_-]{50,600}|A3-[A-Z0-9]{6}(?:-[A-Z0-9]{5,6}){5}",
    r"tfp_[A-Za-z0-9]{40,60}|[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}",
    r"sbp_[a-f0-9]{40}|sb_(?:secret|publishable)_[A-Za-z0-9_-]{20,60}",  # Supabase
    r"vercel_[A-Za-z0-9]{20,40}|nfp_[A-Za-z0-9]{36,60}|fly?o1_[A-Za-z0-9_-]{40,300}",
    r"(?:sntrys|sntryu)_[A-Za-z0-9_+/=-]{40,300}",  # Sentry
)
_MARKS = (
    r"\bgh[pousr]_[a-z0-9]{30}|\bgithub_pat_|\bgl(?:pat|dt|rt|cbt|ptt|ft|soat|agent)-[a-z0-9_-]{18}"
    r"|\bxox[abeoprs][.-]|\bxapp-[0-9]-|\b[srp]k_(?:live|test)_[a-z0-9]{10}|\bwhsec_|\baiza[a-z0-9_-]{30}"
    r"|\bya29\.|\bgocspx-|\b1//0[a-z0-9]|\bsk-[a-z0-9_-]{18}|\bhf_[a-z0-9]{20}|\bapi_org_[a-z0-9]{30}"
    r"|\bsg\.[a-z0-9_-]{16}|\b(?:sk|ac)[0-9a-f]{32}|\bnpm_[a-z0-9]{30}|\bpypi-[a-z0-9_-]{16}"
    r"|\bdo[opr]_v1_|\bshp(?:at|ca|pa|ss)_|\bsq0[a-z]{3}-|\beaaa[a-z0-9_-]{22}|\beaa[a-z0-9]{60}"
    r"|\bpat[a-z0-9]{14}\.[a-f0-9]{64}|\bpscale_(?:tkn|pw|oauth)_|\bxkeysib-"
    r"|\bkey-[0-9a-f]{32}|[0-9a-f]{32}-us[0-9]|\bhv[sbr]\.[a-z0-9_-]{20}|\bdckr_(?:pat|oat)_"
    r"|\bat(?:att|ctt|bb)[a-z0-9_=-]{20}|\blin_(?:api|oauth)_|\b(?:secret|ntn)_[a-z0-9]{40}"
    r"|\bfig[duo]_[a-z0-9_-]{20}|\bdp\.(?:pt|st|ct|sa)\.|\bdapi[0-9a-f]{32}|\bdd[pa]_[a-z0-9]{30}"
    r"|\bglsa_|\bglc_[a-z0-9]{20}|\bnrak-|\bnrjs-|\bpmak-|\brubygems_[a-f0-9]{20}"
    r"|\b(?:gsk|r8|pcsk|xai|pplx|nvapi|tgp_v1|fw|e2b|wandb_v1)[_-][a-z0-9_-]{28}|\bage-secret-key-1"
    r"|\b[0-9]{8,10}:aa[a-z0-9_-]{33}|\b[mno][a-z0-9_-]{23,27}\.[a-z0-9_-]{6}\.[a-z0-9_-]{27}"
    r"|hooks\.slack\.com/|discord(?:app)?\.com/api/webhooks/|\.webhook\.office\.com/|[78]q~"
    r"|\bp8e-[a-z0-9]{30}|\bops_eyj|\ba3-[a-z0-9]{6}-|\btfp_[a-z0-9]{40}|\.atlasv1\.|\bsbp_[a-f0-9]{40}"
    r"|\bsb_(?:secret|publishable)_|\bvercel_[a-z0-9]{20}|\bnfp_[a-z0-9]{30}|\bfl?y?o1_[a-z0-9_-]{40}"
    r"|\bsntry[su]_"
)
_PLACEHOLDER = compiled(r"(?i)x{6}|\*{3}|0{10}|(?:your|my|example)[_-]?(?:api|key|token|secret)")
# Marks that no word, path or identifier begins with, and the length their service gives.
_SURE_MARK = compiled(
    r"(?:hf_[A-Za-z0-9]{34}|gh[pousr]_[A-Za-z0-9]{36}|npm_[A-Za-z0-9]{36}|glpat-[A-Za-z0-9_-]{20}"
    r"|AIza[A-Za-z0-9_-]{35}|GOCSPX-[A-Za-z0-9_-]{28}|dckr_(?:pat|oat)_[A-Za-z0-9_-]{27}"
    r"|[srp]k_(?:live|test)_[A-Za-z0-9]{24,})$"
)


def _is_token(match: re.Match[str]) -> bool:
    token = match["value"]
    tail = token[6:]
    if _PLACEHOLDER.search(token) or len(set(tail)) <= 5:
        return False
    # The mark and length are enough where letters alone are no word: both cases, or Hugging Face's.
    signs = tail.replace("-", "").replace("_", "")
    random = signs.isalnum() and not (signs.islower() or signs.isupper() or signs.istitle())
    return any(map(str.isdigit, tail)) or (_SURE_MARK.match(token) is not None and random)


def is_jwt(match: re.Match[str]) -> bool:
    """Tell whether the first part of a token decodes to a JSON object, as RFC 7519 wants."""
    head = match[0].partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return False
    return isinstance(header, dict)


SERVICE_TOKENS = (
    Detector(
        kind="SECRET",
        name="service token",
        trigger=_MARKS,
        pattern=compiled(rf"(?<![A-Za-z0-9_])(?P<value>{'|'.join(_FORMS)})"),
        score=0.98,
        before=90,
        after=620,
        check=_is_token,
    ),
    Detector(
        kind="SECRET",
        name="Twilio auth token",  # beside the account it belongs to
        trigger=r"\b(?:sk|ac)[0-9a-f]{32}",
        pattern=compiled(
            r"(?<![A-Za-z0-9_])(?:SK|AC)[0-9a-f]{32}[^A-Za-z0-9][^\n]{0,40}?(?<![A-Za-z0-9])"
            r"(?P<value>[0-9a-f]{32})(?![A-Za-z0-9])"
        ),
        score=0.9,
        before=80,
        after=80,
    ),
    Detector(
        kind="SECRET",
        name="AWS access key",
        trigger=r"\ba(?:kia|sia|bia|cca|ida|roa)[a-z2-7]{16}",
        pattern=compiled(
            r"(?<![A-Za-z0-9])A(?:KIA|SIA|BIA|CCA|IDA|ROA)[A-Z2-7]{16}(?![A-Za-z0-9])"
        ),
        score=0.98,
        before=24,
        after=2,
    ),
    Detector(
        kind="SECRET",
        name="JWT",
        trigger=r"\bey[a-z0-9_-]{8,2000}\.[a-z0-9_-]{4}",
        pattern=compiled(
            r"(?<![A-Za-z0-9_-])ey[A-Za-z0-9_-]{8,4000}+\.[A-Za-z0-9_-]{4,}+"
            r"(?:\.[A-Za-z0-9_-]*+){0,3}(?<![.])"
        ),
        score=0.98,
        before=2100,
        after=6000,
        check=is_jwt,
    ),
)
