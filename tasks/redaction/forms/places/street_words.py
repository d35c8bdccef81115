"""The words and parts that addresses are made of, as pieces of regular expressions.

Pure tables, no libraries. The pieces expect IGNORECASE; each repeats a bounded number of times.
"""

from __future__ import annotations

from tasks.redaction.matching.first_letters import by_first_letter

# Words that end an English street name. The second list is also everyday English (a way, a drive):
# those count only behind capitals.
CLEAR = (
    "street|road|rd|avenue|ave|lane|ln|boulevard|blvd|crescent|cres|highway|hwy|parkway|pkwy"
    "|freeway|turnpike|causeway|cul-de-sac|esplanade|mews|alley|terrace|roadway|throughway"
)
COMMON = (
    "st|str|av|drive|dr|way|court|ct|place|pl|square|sq|close|row|hill|hills|gardens|gdns|walk|park"
    "|circle|cir|trail|trl|loop|path|point|pt|view|vista|plaza|plz|quay|rise|grove|green|run|pass"
    "|crossing|bend|ridge|meadows?|heights|commons?|parade|pde|bypass|station|ferry|canyon|estates?"
    "|villages?|valley|track|drove|wynd|broadway|manor|cove|glen|landing|mill|oval|spur|viaduct|wharf"
)
# Endings of a street name that is one word, with the number behind it: Birkenstraße 7, Storgata 3.
ENDINGS = (
    "stra(?:ss|ß)en?|str\\.?|gasse|weg|platz|allee|chaussee|damm|gata|gatan|gade|vej|vejen|vei|veien"
    "|vegen|väg|vägen|vegur|vegi|stigen|stien|straat|laan|baan|boulevard|plein|dreef|kade|gracht|singel|dijk|hof"
    "|steenweg|katu|kuja|polku|tie|torget?|torv|plads|plass|bakken|backen|gränd(?:en)?|braut|stígur"
    "|stræti|túni?|hrauni?|götu|allén?|utca|tänav|gatvė|iela"
)
# Words that open a street name, with the number behind it: Calle Mayor 4, ulica Długa 12.
OPENINGS = (
    "calle|avda?|avenida|paseo|plaza|camino|carretera|ronda"
    "|carrer|passeig|r[uú]a|travessa|largo|praça|alameda|estrada|rodovia|viale|piazza"
    "|piazzale|corso|vicolo|contrada|strada|strasse|straße|rue|avenue|boulevard|bd"
    "|chemin|allée|impasse|quai|ul|ulica|ulice|ulitsa|aleja|aleje|osiedle"
    "|plac|náměstí|námestie|třída|trg|bul|bulevard?|bulevardi|jalan|jl"
    "|cesta|grote|lange|korte|unter den|auf der|an der|an den"
)
# Such as need no space behind them: ul.Długa 12.
SHORT_OPENINGS = (
    "c/|cl\\.|avda?\\.|av\\.|pso\\.|pza\\.|ctra\\.|r\\.|v\\.le|p\\.za|c\\.so|str\\.|bd\\.|ul\\.|al\\.|os\\.|nám\\."
    "|bul\\.|jl\\."
)
EASTERN_OPENINGS = "ул\\.[ ]?|(?:ул|улица|οδός|проспект)[ ]|пр\\.[ ]?"
# The same, apart: with them in one expression Hyperscan takes twice as long.
MORE_OPENINGS = (
    "callej[oó]n|pasaje|pasadizo|glorieta|cuesta|cañada|acceso|rambla|borgo|rotonda|canale|stretto"
    "|incrocio"
)
# Words that close a street name, with the number behind them: Kossuth Lajos utca 5.
CLOSINGS = (
    "u\\.|náměstí|nábřeží|námestie|třída|utca|út(?:ja)?|tér|tere|krt\\.?|körút|köz|fasor|sétány|ulica|ulice|cesta|sokak|sok\\.|sk\\."
    "|caddesi|cad\\.|cd\\.|bulvarı|mahallesi|mah\\.|iela|gatvė|maantee|mnt|puiestee|pst|tänav|gate"
    "|gata|gatan|gade|väg|vei|vej|laan|straat|straße|strasse|str\\.|platz|allee|weg|baan|katu|tie"
)
# Enough to know a street without a number, where it is said that something is on it.
SURE_ENDINGS = "stra(?:ss|ß)e|gasse|allee|platz|gata|gatan|vej|veien|vegen|vägen|straat|gracht|utca"
SURE_OPENINGS = "calle|rua|rue|via|viale|piazza|corso|avenida|plaza|ulica|boulevard|chemin"
# The number first, French words behind it: 12 bis, rue de la Paix.
FRENCH = "rue|avenue|av\\.?|boulevard|bd\\.?|chemin|allée|impasse|quai|place|route|cours|passage"
STATES = (
    "A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]"
    "|T[NX]|UT|V[AIT]|W[AIVY]|GU|AS|MP"
)
_STOP_WORDS = (
    "and|are|as|at|but|by|can|for|from|has|have|he|how|i|if|in|is|it|its|my|not|of|on|or|our"
    "|please|she|so|than|that|the|their|then|they|this|to|was|we|were|what|when|which|who|will|with"
    "|you|your"
)
_STOP = rf"(?!{by_first_letter(_STOP_WORDS)}\b)"
_STREET_STOP_WORDS = (
    "a|about|across|after|along|an|and|are|around|as|at|away|before|but|by|crossing|down|each"
    "|every|for|from|had|has|have|he|her|his|i|if|in|into|is|it|its|just|like|more|my|near|new|not"
    "|off|on|onto|or|other|our|out|over|passing|per|that|the|their|they|this|through|to|two|up|was"
    "|we|were|which|while|who|with|you|your|am|pm|mph|km|mm|cm|kg|miles?|mins?|minutes?|hours?|days?"
    "|weeks?|months?|years?|times|people|percent|feet|meters?|metres?|cars|houses|trucks|lanes?"
)
_STREET_STOP = rf"(?!{by_first_letter(_STREET_STOP_WORDS)}\b)"
ORDINAL = r"\d{1,3}(?:st|[nr]d|th)"
UPPER = r"(?-i:(?![a-zß-öø-ÿ])[^\W\d_])"
_NUMBER_END = r"(?:[ ]?[a-z](?!\w))?(?:[-/]\d{1,4}[a-z]?(?!\w))?(?!\w|[.,:]\d)"
NUMBER = rf"\d{{1,5}}{_NUMBER_END}"
WORD = rf"{_STREET_STOP}[^\W\d_](?:[\w'’-]{{0,30}}+|\w{{0,4}}\.)"
CAPITAL = rf"{UPPER}[^\W\d_]{{0,30}}+(?:['’-][^\W\d_]{{0,30}}+){{0,4}}(?!\w)"
_PARTICLES = (
    "de|la|le|les|del|della|delle|dei|di|da|do|dos|das|du|des|of|upon|am|an|der|den|im|sur|sous"
    "|van|von|y|e|na|nad|pod|och|og|el|los|las"
)
_PARTICLE = by_first_letter(_PARTICLES)
_SAINT = by_first_letter("st|mt|ft|sta") + r"\.[ ]"
PLACE = (
    rf"(?:{_SAINT})?{CAPITAL}"
    rf"(?:[ ](?:{_PARTICLE}[ ]){{0,2}}(?:{_SAINT})?{CAPITAL}){{0,3}}"
)
_SMALL = by_first_letter(_PARTICLES, "d['’]|l['’]")
STREET = rf"(?:(?:{_SMALL}|[A-Z]\.|{CAPITAL}\.?|[1-9]\d?)[ ]){{0,5}}{CAPITAL}\.?"
_UNITS = by_first_letter(
    "apt|apartment|appt|app|suite|ste|flat|studio|loft|unit|room|rm|floor|fl|box|bldg|building|lot|dept|depto"
    "|piso|lgh|dør|etage|scala|interno|piano|appartamento|lok|no"
)
UNIT = (
    rf"(?:{_UNITS}\b\.?[ ]?#?[ ]?|#[ ]?)"
    r"(?:\d{1,5}[a-z]?|[a-z]-?\d{0,4})(?!\w)|\d{1,2}[a-z]{2}[ ]floor\b"
    r"|\d{1,2}[º°ª]\.?(?:[ ]?(?:[a-z]|izq\w*|d(?:cha|to)\w*)(?!\w))?"
)
_AREAS = (
    "GIR|A[BL]|B[ABDHLNRST]?|C[ABFHMORTVW]|D[ADEGHLNTY]|E[CHNX]?|F[KY]|G[LUY]?|H[ADGPRSUX]"
    "|I[GMPV]|JE|K[ATWY]|L[ADELNSU]?|M[EKL]?|N[EGNPRW]?|O[LX]|P[AEHLOR]|R[GHM]|S[AEGKLMNOPRSTWY]?"
    "|T[ADFNQRSW]|UB|W[ACDFNRSV]?|YO|ZE"
)
_INWARD = r"\d[\dA-HJKMNP-Y]?[ ]\d(?!GB|TB)[ABD-HJLNP-UW-Z]{2}(?!\w)"
_CANADIAN = r"(?:[ABCEGHJ-NPRSTVXY]\d[A-CEGHJ-NPR-TV-Z][ ]?\d[A-CEGHJ-NPR-TV-Z]\d)(?!\w)"
UK_POSTCODE = rf"(?-i:(?:{_AREAS}){_INWARD})"
POSTCODE = (
    rf"(?:{by_first_letter(_AREAS)}{_INWARD}|{_CANADIAN}"
    r"|(?:(?:[A-Z]{1,2}-)?(?:\d{4}[ ]?(?-i:[A-Z]{2})|\d{5}-\d{3,4}|\d{2}-\d{3}"
    r"|\d{3}[ ]\d{2}|\d{4,6}))(?!\w|[-.,/]\d|[ ]\d))"
)
# Nothing that follows it starts like it, so it is read in one way and never again.
SEP = r"[ \t]{0,9}+(?:[,;|][ \t]{0,9}+)?+(?:\r?\n[ \t>]{0,8}+[ \t]{0,3}+)?+(?:,[ \t]{0,3}+)?+"
_PIECE = rf"(?:(?-i:[A-Z]{{2,3}})(?!\w)|{_STOP}[^\W\d_][\w'’.-]{{0,30}}+)"
_CHUNK = rf"{_PIECE}(?:[ ](?:(?:and|of)[ ](?:the[ ])?(?={UPPER}))?{_PIECE}){{0,4}}"
_MARK = r"[ \t]{0,3}(?:,|[ ]-[ ]|\r?\n[ \t>]{0,8}+,?)[ \t]{0,3}+"
_WHOLE = r"(?=[ \t]{0,3}(?:[\n,]|$))"
# The town; a province's letters behind it in Italy; in the Netherlands it may have its own line.
_AFTER_POSTCODE = (
    rf"(?:,?[ ]{PLACE}(?:[ ]\((?-i:[A-Z]{{2}})\))?"
    rf"|(?:(?<=\d(?-i:[A-Z]{{2}}))|(?<=\d[ ](?-i:[A-Z]{{2}})))\r?\n{PLACE}{_WHOLE})?"
)
_TO_POSTCODE = rf"(?:{_MARK}{_CHUNK}){{0,3}}{SEP}(?<=[\s,>]){POSTCODE}{_AFTER_POSTCODE}"
LINES = rf"\n[ \t>]{{0,8}}{PLACE}{_WHOLE}(?:\n[ \t>]{{1,8}}{PLACE}{_WHOLE})?"
_UNIT_AND_PLACE = rf"{SEP}(?<=[\s,>])(?:{UNIT})(?:[ ]{PLACE}|{LINES})?"
# What may follow a street: units, towns, regions, countries, postcodes.
_FOLLOWS = rf"(?:(?=[\s,;|-]|(?<=[\s,>])){_TO_POSTCODE}|{_UNIT_AND_PLACE}|[ ]?,[ ]{PLACE})"
TAIL = rf"{_FOLLOWS}{{0,5}}"
# One to three lines that end in a postcode, which make an address of any line with a number.
BLOCK_END = rf"\n[ \t>]{{0,8}}{_CHUNK}(?:{_MARK}{_CHUNK}){{0,2}}{SEP}(?<=[\s,>]){POSTCODE}"
NUMBERS = rf"{NUMBER}(?:,?[ ]{NUMBER})?"
_AND_STREET = rf",?[ ]{STREET}(?:,?[ ]{NUMBER})?"
_AND_WORDS = rf",?(?:[ ]{WORD}){{1,6}}(?:,?[ ]{NUMBER})?"
LINE = NUMBERS + _AND_WORDS
CAPITAL_LINE = NUMBERS + _AND_STREET
# The same where nothing stands before that makes the number part of a word, a price, a date, a sum.
# It is asked behind the first digit, since `re` looks for a digit without trying each place.
FIRST_NUMBERS = rf"\d(?<![\w#$€£.,/+=*-].)(?<!\d[ :].)\d{{0,4}}{_NUMBER_END}(?:,?[ ]{NUMBER})?"
FIRST_LINE = FIRST_NUMBERS + _AND_WORDS
FIRST_CAPITAL_LINE = FIRST_NUMBERS + _AND_STREET
FIRST_OF_BLOCK = (
    rf"{FIRST_NUMBERS}(?=[^\n]{{1,300}}\n)(?:{_AND_STREET}|(?:[ ]{WORD}){{1,5}}[ ]{NUMBER})"
)
