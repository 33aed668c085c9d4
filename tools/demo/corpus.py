"""Short English lines such as cameras read on signs, labels, receipts and screens; drawn from a seed.

Letters, digits and common punctuation only: every one of them is in the recognizers' tables.
"""

NOUNS = """account adapter address airport anchor apple archive arrow autumn bakery balance battery bicycle board
border bottle bridge bucket budget button cabinet camera candle canvas carbon castle catalog channel charger circle
city climate clinic coffee column compass concert copper corner cotton counter courier cover crystal current
customer daylight delivery desert design device diesel dinner doctor dollar door dragon drawer driver eagle
engine entrance evening factory family farmer feather festival field filter finger forest fountain frame freight
garage garden gateway glass gravel guitar hammer harbor harvest heater helmet highway holiday horizon hospital
hotel invoice island jacket journal journey kitchen ladder lantern laptop leather lemon library lighthouse
luggage machine magnet manual market meadow medicine memory metal meter minute mirror mobile model monitor
morning motor mountain museum needle network notebook number ocean office orange orbit outlet oxygen packet
paper parking passport pattern pencil pepper picture pilot planet platform pocket police postal powder
printer prison profile project quarter radio railway receipt record region repair report reserve river robot
rocket rubber runway saddle sample school screen season second sensor server service shadow shelter signal silver
sketch sleeve soldier spring square stadium station storage street student studio summer supply surface switch
table target teacher temple theater thunder ticket timber tower traffic trailer treasure tunnel turbine uniform
valley vehicle vendor village violin voltage wagon wallet warehouse water weather weekend welcome window winter
wireless workshop yellow zebra""".split()

ADJECTIVES = """able active amber ancient bitter black blue brave bright broken calm careful central cheap clean clear
clever cold common cool daily dark deep double dry early eastern empty exact fair famous fast final fine first
flat free fresh full gentle global golden good grand gray great green happy hard heavy hidden high hollow
honest huge inner large late lazy level light local long loud lucky major minor modern narrow new noble north
old open outer perfect plain polite private proud public pure quick quiet rapid rare ready red rich rough
round royal safe second secret sharp short silent simple slow small smart soft solid south spare special
steady still strong sweet swift tall thin tidy tiny urban vast warm western white whole wide wild wise young""".split()

STREETS = "Street Avenue Road Lane Square Court Park Drive".split()
UNITS = "kg km mm ml kW Hz GB MB cm min".split()
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
CITIES = """Amsterdam Athens Berlin Boston Chicago Dublin Geneva Hamburg Helsinki Lisbon London Madrid Munich Oslo
Paris Prague Rome Seattle Sydney Tokyo Vienna Warsaw Zurich""".split()


def line(rng, longest):
    """One line of at least 4 and at most `longest` characters."""
    while True:
        text = FORMS[int(rng.integers(len(FORMS)))](rng)
        style = rng.random()
        if style < 0.15:
            text = text.upper()
        elif style < 0.4:
            text = text[0].upper() + text[1:]
        if 4 <= len(text) <= longest:
            return text


def pick(rng, words):
    return words[int(rng.integers(len(words)))]


def digits(rng, count):
    return str(int(rng.integers(10 ** (count - 1), 10 ** count)))


# Few forms set a blank next to a figure: the models leave those blanks out as often as not, and a label that
# no model agrees with measures nothing.
FORMS = (
    lambda r: pick(r, NOUNS),
    lambda r: f"{pick(r, ADJECTIVES)} {pick(r, NOUNS)}",
    lambda r: f"{pick(r, ADJECTIVES)} {pick(r, NOUNS)}",
    lambda r: f"the {pick(r, ADJECTIVES)} {pick(r, NOUNS)}",
    lambda r: f"{pick(r, NOUNS)} and {pick(r, NOUNS)}",
    lambda r: f"{pick(r, NOUNS)} of {pick(r, CITIES)}",
    lambda r: f"{pick(r, NOUNS)}-{pick(r, NOUNS)}",
    lambda r: f"{pick(r, NOUNS).capitalize()} {pick(r, STREETS)}",
    lambda r: f"{pick(r, CITIES)}-{digits(r, 4)}",
    lambda r: f"{pick(r, NOUNS).capitalize()}:{digits(r, 3)}",
    lambda r: f"No.{digits(r, 5)}",
    lambda r: f"{digits(r, 3)}.{digits(r, 2)}{pick(r, UNITS)}",
    lambda r: f"${digits(r, 2)}.{digits(r, 2)}",
    lambda r: f"{int(r.integers(10, 29))}-{pick(r, MONTHS)}-20{digits(r, 2)}",
    lambda r: f"20{digits(r, 2)}-{int(r.integers(1, 13)):02}-{int(r.integers(1, 29)):02}",
    lambda r: f"{int(r.integers(1, 13)):02}/{int(r.integers(1, 29)):02}/20{digits(r, 2)}",
    lambda r: f"{int(r.integers(0, 24)):02}:{int(r.integers(0, 60)):02}:{int(r.integers(0, 60)):02}",
    lambda r: f"{''.join(pick(r, 'ABCDEFGHKLMNPRSTUVWXYZ') for _ in range(3))}-{digits(r, 4)}",
    lambda r: f"{digits(r, 2)}% {pick(r, NOUNS)}",
    lambda r: f"{pick(r, NOUNS)}({digits(r, 2)})",
    lambda r: f"{pick(r, NOUNS)}@{pick(r, NOUNS)}.com",
)
