"""The last parts of internet addresses, and the providers people have their mail with.

Plain facts: the country codes of ISO 3166 that are in use as endings, the common generic endings,
and large mail providers. Used where an address is guessed at, never to refuse a plain one.
"""

from __future__ import annotations

_COUNTRY_ENDINGS = """
    ac ad ae af ag ai al am ao ar at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw
    by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es
    et eu fi fj fk fm fo fr ga gd ge gf gg gh gi gl gm gn gp gq gr gt gu gw gy hk hm hn hr ht hu id
    ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt
    lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl
    no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg
    sh si sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua
    ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw
"""
COUNTRY_ENDINGS = frozenset(_COUNTRY_ENDINGS.split())
_ENDINGS = """
    academy agency app art arpa biz blog bank center cloud club coop company com dev digital
    edu email example expert foundation fr de uk ch it es nl eu us ca au at be se no dk fi pl gov
    group health info int internal international invalid jobs land law legal life link live
    local ltd media mil mobi museum name net network news ngo online org page post pro school
    services shop site solutions space store studio support systems team tech technology test
    today tools travel university website wiki work world xyz zone
"""
ENDINGS = frozenset(_ENDINGS.split())
_PROVIDERS = """
    aol bluewin btinternet comcast fastmail free gmail gmx googlemail hotmail icloud laposte
    live mac msn orange outlook posteo proton protonmail qq rediffmail t-online tutanota
    verizon web yahoo yandex ymail zoho
"""
PROVIDERS = frozenset(_PROVIDERS.split())
