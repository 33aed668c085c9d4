/* regex_set.c - sets of characters: classes, categories, escapes. */
#include "model/tokenizer/regex_parse.h"

/* The script Han, of Unicode 16; the only one that patterns of tokenizers name. */
static const uint32_t han[][2] = {
    { 0x2e80, 0x2e99 },   { 0x2e9b, 0x2ef3 },   { 0x2f00, 0x2fd5 },   { 0x3005, 0x3005 },   { 0x3007, 0x3007 },
    { 0x3021, 0x3029 },   { 0x3038, 0x303b },   { 0x3400, 0x4dbf },   { 0x4e00, 0x9fff },   { 0xf900, 0xfa6d },
    { 0xfa70, 0xfad9 },   { 0x16fe2, 0x16fe3 }, { 0x16ff0, 0x16ff1 }, { 0x20000, 0x2a6df }, { 0x2a700, 0x2b739 },
    { 0x2b740, 0x2b81d }, { 0x2b820, 0x2cea1 }, { 0x2ceb0, 0x2ebe0 }, { 0x2ebf0, 0x2ee5d }, { 0x2f800, 0x2fa1d },
    { 0x30000, 0x3134a }, { 0x31350, 0x323af },
};

static const struct {
    const char *name;
    uint32_t categories;
} categories[] = {
    { "L", WT_LETTERS },      { "N", WT_NUMBERS },      { "P", WT_PUNCT },        { "S", WT_SYMBOLS },
    { "M", WT_MARKS },        { "Z", WT_SPACES },       { "C", WT_OTHERS },       { "Cc", WT_CONTROLS },
    { "Cf", WT_CAT(WT_CF) },  { "Cn", WT_CAT(WT_CN) },  { "Co", WT_CAT(WT_CO) },  { "Cs", WT_CAT(WT_CS) },
    { "Lu", WT_CAT(WT_LU) },  { "Ll", WT_CAT(WT_LL) },  { "Lt", WT_CAT(WT_LT) },  { "Lm", WT_CAT(WT_LM) },
    { "Lo", WT_CAT(WT_LO) },  { "Mn", WT_CAT(WT_MN) },  { "Mc", WT_CAT(WT_MC) },  { "Me", WT_CAT(WT_ME) },
    { "Nd", WT_CAT(WT_ND) },  { "Nl", WT_CAT(WT_NL) },  { "No", WT_CAT(WT_NO) },  { "Pc", WT_CAT(WT_PC) },
    { "Pd", WT_CAT(WT_PD) },  { "Ps", WT_CAT(WT_PS) },  { "Pe", WT_CAT(WT_PE) },  { "Pi", WT_CAT(WT_PI) },
    { "Pf", WT_CAT(WT_PF) },  { "Po", WT_CAT(WT_PO) },  { "Sm", WT_CAT(WT_SM) },  { "Sc", WT_CAT(WT_SC) },
    { "Sk", WT_CAT(WT_SK) },  { "So", WT_CAT(WT_SO) },  { "Zs", WT_CAT(WT_ZS) },  { "Zl", WT_CAT(WT_ZL) },
    { "Zp", WT_CAT(WT_ZP) },  { "Letter", WT_LETTERS }, { "Number", WT_NUMBERS }, { "Punctuation", WT_PUNCT },
    { "Symbol", WT_SYMBOLS }, { "Mark", WT_MARKS },
};
static const uint32_t more_of_word[][2] = { { 0xb2, 0xb3 },      { 0xb9, 0xb9 },       { 0xbc, 0xbe },
                                            { 0x24b6, 0x24e9 },  { 0x1f130, 0x1f149 }, { 0x1f150, 0x1f169 },
                                            { 0x1f170, 0x1f189 } };

static wt_status new_set(rx_set **out, rx_parser *p)
{
    *out = wt_arena_alloc(p->arena, 1, sizeof **out, p->err);
    return *out ? WT_OK : WT_ENOMEM;
}

static wt_status add_range(rx_set *set, rx_parser *p, uint32_t low, uint32_t high)
{
    if (set->n_ranges == set->cap_ranges) { /* small and few: what an arena leaves behind does not matter */
        const size_t cap = set->cap_ranges ? 2 * set->cap_ranges : 4;
        uint32_t(*more)[2] = wt_arena_alloc(p->arena, cap, sizeof *more, p->err);
        if (!more)
            return WT_ENOMEM;
        if (set->n_ranges)
            memcpy(more, set->ranges, set->n_ranges * sizeof *more);
        set->ranges = more;
        set->cap_ranges = cap;
    }
    set->ranges[set->n_ranges][0] = low;
    set->ranges[set->n_ranges++][1] = high;
    return WT_OK;
}

/* Under (?i) a range brings its letters of the other case; s and k have a third form. */
static wt_status add_folded(rx_set *set, rx_parser *p, uint32_t low, uint32_t high)
{
    WT_TRY(add_range(set, p, low, high));
    for (uint32_t c = 'a'; p->fold && c <= 'z'; c++) {
        const uint32_t upper = c - 32;
        const bool has = (c >= low && c <= high) || (upper >= low && upper <= high);
        if (!has)
            continue;
        WT_TRY(add_range(set, p, c, c));
        WT_TRY(add_range(set, p, upper, upper));
        if (c == 's')
            WT_TRY(add_range(set, p, 0x17f, 0x17f));
        if (c == 'k')
            WT_TRY(add_range(set, p, 0x212a, 0x212a));
    }
    return WT_OK;
}

/* The bitmap of ASCII: after it the set does not change any more. */
static const rx_set *finish(rx_set *set)
{
    memset(set->ascii, 0, sizeof set->ascii);
    for (uint32_t c = 0; c < 0x80; c++)
        if (rx_set_slow(set, c))
            set->ascii[c >> 5] |= UINT32_C(1) << (c & 31);
    return set;
}

wt_status rx_set_of_code(const rx_set **out, rx_parser *p, uint32_t code)
{
    rx_set *set;
    WT_TRY(new_set(&set, p));
    WT_TRY(add_folded(set, p, code, code));
    *out = finish(set);
    return WT_OK;
}

wt_status rx_set_any(const rx_set **out, rx_parser *p)
{
    rx_set *set;
    WT_TRY(new_set(&set, p));
    WT_TRY(add_range(set, p, '\n', '\n'));
    set->negated = true;
    *out = finish(set);
    return WT_OK;
}

wt_status rx_set_both(const rx_set **out, rx_parser *p, const rx_set *a, const rx_set *b)
{
    rx_set *set;
    WT_TRY(new_set(&set, p));
    rx_set *copy;
    WT_TRY(new_set(&copy, p));
    *copy = *a;
    copy->next = NULL;
    set->nested = copy;
    set->also = b;
    *out = finish(set);
    return WT_OK;
}

static wt_status of_categories(const rx_set **out, rx_parser *p, uint32_t mask, bool negated)
{
    rx_set *set;
    WT_TRY(new_set(&set, p));
    set->categories = mask;
    set->negated = negated;
    *out = finish(set);
    return WT_OK;
}

/* \p{Name}, \p{^Name}, \P{Name}, \pL; at stands behind the p. */
static wt_status property(const rx_set **out, rx_parser *p, bool negated)
{
    char name[32] = { 0 };
    size_t n = 0;
    if (p->at < p->len && p->text[p->at] == '{') {
        const size_t end = ++p->at;
        while (p->at < p->len && p->text[p->at] != '}')
            p->at++;
        if (p->at == p->len || p->at - end >= sizeof name)
            return rx_refuse(p, WT_EFORMAT, "a property without an end");
        for (size_t i = end; i < p->at; i++)
            if (p->text[i] == '^' && i == end)
                negated = !negated;
            else
                name[n++] = p->text[i];
        p->at++;
    } else if (p->at < p->len) {
        name[0] = p->text[p->at++];
    }
    const char *word = wt_str_starts(name, "Script=") ? name + 7 : wt_str_starts(name, "sc=") ? name + 3 : name;
    for (size_t i = 0; i < WT_ARRAY_LEN(categories); i++)
        if (!strcmp(word, categories[i].name))
            return of_categories(out, p, categories[i].categories, negated);
    if (strcmp(word, "Han") != 0)
        return rx_refuse(p, WT_EUNSUPPORTED, "a property of characters that we do not know");
    rx_set *set;
    WT_TRY(new_set(&set, p));
    for (size_t i = 0; i < WT_ARRAY_LEN(han); i++)
        WT_TRY(add_range(set, p, han[i][0], han[i][1]));
    set->negated = negated;
    *out = finish(set);
    return WT_OK;
}

static wt_status hex(rx_parser *p, size_t digits, bool braces, uint32_t *code)
{
    *code = 0;
    size_t n = 0;
    for (; p->at < p->len && n < digits; n++) {
        const char c = p->text[p->at];
        const uint32_t v = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                           : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                           : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                  : 16;
        if (v == 16)
            break;
        *code = *code << 4 | v;
        p->at++;
    }
    if (braces && (p->at == p->len || p->text[p->at++] != '}'))
        return rx_refuse(p, WT_EFORMAT, "a hexadecimal number without an end");
    return n && *code < WT_CODE_LIMIT ? WT_OK : rx_refuse(p, WT_EFORMAT, "no hexadecimal code of a character");
}

/* One character behind a backslash, when it stands for itself or by a number. */
static wt_status escaped_code(rx_parser *p, uint32_t *code)
{
    const char c = p->text[p->at];
    static const char from[] = "nrtfvae0", to[] = "\n\r\t\f\v\a\x1b";
    const char *known = c ? strchr(from, c) : NULL;
    size_t size = 1;
    if (known) {
        *code = (uint8_t)to[known - from];
    } else if (c == 'x' || c == 'u') {
        p->at++;
        const bool braces = p->at < p->len && p->text[p->at] == '{';
        p->at += braces;
        return hex(p, braces ? 8 : c == 'x' ? 2 : 4, braces, code);
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '1' && c <= '9')) {
        return rx_refuse(p, WT_EUNSUPPORTED, "an escape that we do not know");
    } else {
        *code = wt_utf8_get(p->text, p->len, p->at, &size);
    }
    p->at += size;
    return WT_OK;
}

static bool mask_of_escape(char c, uint32_t *mask, bool *negated)
{
    const char lower = (char)(c | 32);
    *negated = c != lower;
    *mask = lower == 's' ? WT_WHITE : WT_CAT(WT_ND);
    return lower == 's' || lower == 'd';
}

static wt_status word_set(const rx_set **out, rx_parser *p, bool negated)
{
    rx_set *set = NULL;
    WT_TRY(new_set(&set, p));
    set->categories = WT_WORD;
    for (size_t i = 0; i < WT_ARRAY_LEN(more_of_word); i++)
        WT_TRY(add_range(set, p, more_of_word[i][0], more_of_word[i][1]));
    set->negated = negated;
    *out = finish(set);
    return WT_OK;
}

wt_status rx_parse_escape(const rx_set **out, rx_parser *p)
{
    if (p->at == p->len)
        return rx_refuse(p, WT_EFORMAT, "a backslash at the end");
    const char c = p->text[p->at];
    uint32_t mask, code;
    bool negated;
    *out = NULL;
    if (mask_of_escape(c, &mask, &negated)) {
        p->at++;
        return of_categories(out, p, mask, negated);
    }
    if (c == 'w' || c == 'W') {
        p->at++;
        return word_set(out, p, c == 'W');
    }
    if (c == 'p' || c == 'P') {
        p->at++;
        return property(out, p, c == 'P');
    }
    if (strchr("bBAzZG", c) && c)
        return WT_OK; /* an anchor */
    WT_TRY(escaped_code(p, &code));
    return rx_set_of_code(out, p, code);
}

/* A part of a class that is a set itself: it joins the others. */
static wt_status join(rx_set *set, rx_parser *p, const rx_set *part)
{
    if (!part->n_ranges && !part->nested && !part->also) {
        set->categories |= part->negated ? ~part->categories : part->categories;
        return WT_OK;
    }
    rx_set *copy;
    WT_TRY(new_set(&copy, p));
    *copy = *part;
    copy->next = set->nested;
    set->nested = copy;
    return WT_OK;
}

static wt_status posix_class(const rx_set **out, rx_parser *p, bool *is_one)
{
    static const struct {
        const char *name;
        uint32_t mask;
    } known[] = { { "[:alpha:]", WT_LETTERS | WT_MARKS },
                  { "[:digit:]", WT_CAT(WT_ND) },
                  { "[:space:]", WT_WHITE },
                  { "[:upper:]", WT_CAT(WT_LU) },
                  { "[:lower:]", WT_CAT(WT_LL) },
                  { "[:punct:]", WT_PUNCT | WT_SYMBOLS },
                  { "[:cntrl:]", WT_CONTROLS } };
    *is_one = p->len - p->at > 2 && p->text[p->at + 1] == ':';
    for (size_t i = 0; *is_one && i < WT_ARRAY_LEN(known); i++) {
        const size_t n = strlen(known[i].name);
        if (p->len - p->at < n || memcmp(p->text + p->at, known[i].name, n) != 0)
            continue;
        p->at += n;
        return of_categories(out, p, known[i].mask, false);
    }
    return *is_one ? rx_refuse(p, WT_EUNSUPPORTED, "a class of characters that we do not know") : WT_OK;
}

/* One end of a range; *part is set instead when it is no single character. */
static wt_status class_atom(rx_parser *p, uint32_t *code, const rx_set **part)
{
    *part = NULL;
    size_t size;
    if (p->text[p->at] != '\\') {
        *code = wt_utf8_get(p->text, p->len, p->at, &size);
        p->at += size;
        return WT_OK;
    }
    if (++p->at == p->len)
        return rx_refuse(p, WT_EFORMAT, "a backslash at the end");
    const char c = p->text[p->at];
    uint32_t mask;
    bool negated;
    if (mask_of_escape(c, &mask, &negated) || (c && strchr("pPwW", c)))
        return rx_parse_escape(part, p);
    if (c == 'b') {
        p->at++;
        *code = '\b';
        return WT_OK;
    }
    return escaped_code(p, code);
}

static wt_status class_item(rx_set *set, rx_parser *p)
{
    const rx_set *part = NULL;
    uint32_t low, high;
    if (p->text[p->at] == '[') {
        bool posix;
        WT_TRY(posix_class(&part, p, &posix));
        if (!posix) {
            p->at++;
            WT_TRY(rx_parse_class(&part, p));
        }
        return join(set, p, part);
    }
    WT_TRY(class_atom(p, &low, &part));
    if (part)
        return join(set, p, part);
    high = low;
    if (p->len - p->at >= 2 && p->text[p->at] == '-' && p->text[p->at + 1] != ']') {
        const size_t dash = p->at++;
        if (p->text[p->at] == '[') {
            p->at = dash;
        } else {
            WT_TRY(class_atom(p, &high, &part));
            if (part) { /* "a-\s": three parts */
                WT_TRY(join(set, p, part));
                WT_TRY(add_range(set, p, '-', '-'));
                high = low;
            }
        }
        if (high < low)
            return rx_refuse(p, WT_EFORMAT, "a range that ends before it begins");
    }
    return add_folded(set, p, low, high);
}

wt_status rx_parse_class(const rx_set **out, rx_parser *p)
{
    rx_set *set;
    WT_TRY(new_set(&set, p));
    if (++p->depth > RX_DEPTH)
        return rx_refuse(p, WT_ELIMIT, "nested too deeply");
    const bool negated = p->at < p->len && p->text[p->at] == '^';
    p->at += negated;
    rx_set *whole = NULL; /* what stood before && */
    for (bool first = true;; first = false) {
        if (p->at == p->len)
            return rx_refuse(p, WT_EFORMAT, "a class without an end");
        if (p->text[p->at] == ']' && !first)
            break;
        if (p->len - p->at >= 2 && p->text[p->at] == '&' && p->text[p->at + 1] == '&') {
            p->at += 2;
            const rx_set *both = finish(set);
            if (whole)
                WT_TRY(rx_set_both(&both, p, whole, set));
            WT_TRY(new_set(&whole, p));
            *whole = *both;
            WT_TRY(new_set(&set, p));
            continue;
        }
        WT_TRY(class_item(set, p));
    }
    p->at++;
    p->depth--;
    if (whole) {
        const rx_set *both;
        WT_TRY(rx_set_both(&both, p, whole, finish(set)));
        WT_TRY(new_set(&set, p));
        *set = *both;
    }
    set->negated = set->negated != negated;
    *out = finish(set);
    return WT_OK;
}
