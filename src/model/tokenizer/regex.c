/* regex.c - the compiler: a recursive descent into a tree, and the tree into code. */
#include "model/tokenizer/regex_parse.h"

enum { MOST_CODE = 20000, NOWHERE = 0x7fffffff };

wt_status rx_refuse(const rx_parser *p, wt_status code, const char *what)
{
    return wt_fail(p->err, code, "pattern \"%.*s\", byte %zu: %s", (int)(p->len < 200 ? p->len : 200), p->text, p->at,
                   what);
}

static wt_status new_node(rx_node **out, rx_parser *p, rx_kind kind)
{
    *out = wt_arena_alloc(p->arena, 1, sizeof **out, p->err);
    if (!*out)
        return WT_ENOMEM;
    (*out)->kind = kind;
    return WT_OK;
}

static wt_status set_node(rx_node **out, rx_parser *p, const rx_set *set)
{
    WT_TRY(new_node(out, p, RX_N_SET));
    (*out)->set = set;
    return WT_OK;
}

static bool next_is(rx_parser *p, const char *word)
{
    const size_t n = strlen(word);
    if (p->len - p->at < n || memcmp(p->text + p->at, word, n) != 0)
        return false;
    p->at += n;
    return true;
}

/* Behind "(": what kind of group it is. */
static wt_status group(rx_node **out, rx_parser *p)
{
    *out = NULL;
    static const struct {
        const char *word;
        rx_op op;
        bool negated;
    } looks[] = { { "?=", RX_AHEAD, false },
                  { "?!", RX_AHEAD, true },
                  { "?<=", RX_BEHIND, false },
                  { "?<!", RX_BEHIND, true },
                  { "?>", RX_ATOMIC, false } };
    const bool fold = p->fold;
    rx_node *node = NULL, *body = NULL;
    for (size_t i = 0; !node && i < WT_ARRAY_LEN(looks); i++)
        if (next_is(p, looks[i].word)) {
            WT_TRY(new_node(&node, p, RX_N_LOOK));
            node->op = looks[i].op;
            node->negated = looks[i].negated;
        }
    if (!node && next_is(p, "?i:"))
        p->fold = true;
    else if (!node && next_is(p, "?i)")) { /* from here to the end of the enclosing group */
        p->fold = true;
        return new_node(out, p, RX_N_EMPTY);
    } else if (!node && !next_is(p, "?:") && p->at < p->len && p->text[p->at] == '?')
        return rx_refuse(p, WT_EUNSUPPORTED, "a group that we do not know");
    WT_TRY(rx_parse(&body, p));
    if (p->at == p->len || p->text[p->at++] != ')')
        return rx_refuse(p, WT_EFORMAT, "a group without an end");
    p->fold = fold;
    if (node)
        node->child = body;
    *out = node ? node : body;
    return WT_OK;
}

static wt_status anchor(rx_node **out, rx_parser *p, rx_op op, bool negated)
{
    WT_TRY(new_node(out, p, RX_N_ANCHOR));
    (*out)->op = op;
    (*out)->negated = negated;
    return WT_OK;
}

static wt_status escape(rx_node **out, rx_parser *p)
{
    const rx_set *set;
    WT_TRY(rx_parse_escape(&set, p));
    if (set)
        return set_node(out, p, set);
    switch (p->text[p->at++]) {
    case 'A': return anchor(out, p, RX_BEGIN, false);
    case 'z': return anchor(out, p, RX_END, false);
    case 'Z': return anchor(out, p, RX_END_LINE, true);
    case 'b': return anchor(out, p, RX_WORD_EDGE, false);
    case 'B': return anchor(out, p, RX_WORD_EDGE, true);
    default: return rx_refuse(p, WT_EUNSUPPORTED, "an anchor that we do not know");
    }
}

static wt_status atom(rx_node **out, rx_parser *p)
{
    const rx_set *set;
    const char c = p->text[p->at];
    switch (c) {
    case '(': p->at++; return group(out, p);
    case '[':
        p->at++;
        WT_TRY(rx_parse_class(&set, p));
        return set_node(out, p, set);
    case '\\': p->at++; return escape(out, p);
    case '.':
        p->at++;
        WT_TRY(rx_set_any(&set, p));
        return set_node(out, p, set);
    case '^': p->at++; return anchor(out, p, RX_LINE, false);
    case '$': p->at++; return anchor(out, p, RX_END_LINE, false);
    case '*':
    case '+':
    case '?': return rx_refuse(p, WT_EFORMAT, "nothing to repeat");
    default: break;
    }
    size_t size;
    const uint32_t code = wt_utf8_get(p->text, p->len, p->at, &size);
    p->at += size;
    WT_TRY(rx_set_of_code(&set, p, code));
    return set_node(out, p, set);
}

/* "{2,3}" at the brace; false: it is none, and stands for itself. */
static bool counts(rx_parser *p, uint32_t *min, uint32_t *max)
{
    size_t at = p->at + 1;
    uint32_t n[2] = { 0, 0 };
    bool given[2] = { false, false }, comma = false;
    for (; at < p->len && p->text[at] != '}'; at++) {
        const char c = p->text[at];
        if (c == ',' && !comma)
            comma = true;
        else if (c >= '0' && c <= '9' && n[comma] <= RX_COUNT) {
            n[comma] = n[comma] * 10 + (uint32_t)(c - '0');
            given[comma] = true;
        } else
            return false;
    }
    if (at == p->len || (!given[0] && !given[1]))
        return false;
    *min = n[0];
    *max = !comma ? n[0] : given[1] ? n[1] : RX_FOREVER;
    p->at = at + 1;
    return true;
}

static bool may_be_empty(const rx_node *node)
{
    switch (node->kind) {
    case RX_N_SET: return false;
    case RX_N_REP: return node->min == 0 || may_be_empty(node->child);
    case RX_N_LOOK: return node->op != RX_ATOMIC || may_be_empty(node->child);
    case RX_N_CAT:
        for (const rx_node *n = node->child; n; n = n->next)
            if (!may_be_empty(n))
                return false;
        return true;
    case RX_N_ALT:
        for (const rx_node *n = node->child; n; n = n->next)
            if (may_be_empty(n))
                return true;
        return false;
    default: return true;
    }
}

static wt_status repeated(rx_node **node, rx_parser *p)
{
    while (p->at < p->len) {
        uint32_t min = 0, max = RX_FOREVER;
        const char c = p->text[p->at];
        const bool braces = c == '{';
        if (c == '+')
            min = 1;
        else if (c == '?')
            max = 1;
        else if (c != '*' && (!braces || !counts(p, &min, &max)))
            return WT_OK;
        if (max < min || min > RX_COUNT || (max > RX_COUNT && max != RX_FOREVER))
            return rx_refuse(p, WT_ELIMIT, "a repetition that ends before it begins, or over 1000 times");
        if (max == RX_FOREVER && may_be_empty(*node))
            return rx_refuse(p, WT_EUNSUPPORTED, "endless repetition of what may match nothing");
        p->at += !braces;
        rx_node *rep;
        WT_TRY(new_node(&rep, p, RX_N_REP));
        rep->op = RX_LOOP;
        if (next_is(p, "?"))
            rep->op = RX_LAZY;
        else if (!braces && next_is(p, "+")) /* "{2,3}+" repeats once more instead */
            rep->op = RX_EAGER;
        rep->min = min;
        rep->max = max;
        rep->child = *node;
        *node = rep;
    }
    return WT_OK;
}

/* (?=[A])[B] is the set of what is in both: an idiom where classes know no intersection. */
static wt_status fuse_look(rx_node *last, const rx_node *now, rx_parser *p, bool *fused)
{
    *fused = last && now->kind == RX_N_SET && last->kind == RX_N_LOOK && last->op == RX_AHEAD && !last->negated &&
             last->child->kind == RX_N_SET;
    if (!*fused)
        return WT_OK;
    WT_TRY(rx_set_both(&last->set, p, last->child->set, now->set));
    last->kind = RX_N_SET;
    last->child = NULL;
    return WT_OK;
}

static wt_status sequence(rx_node **out, rx_parser *p)
{
    rx_node *cat, *last = NULL, **link;
    WT_TRY(new_node(&cat, p, RX_N_CAT));
    link = &cat->child;
    while (p->at < p->len && p->text[p->at] != '|' && p->text[p->at] != ')') {
        rx_node *node = NULL;
        bool fused;
        WT_TRY(atom(&node, p));
        const size_t behind = p->at;
        WT_TRY(repeated(&node, p));
        WT_TRY(fuse_look(last, node, p, &fused));
        if (fused || (behind == p->at && node->kind == RX_N_EMPTY))
            continue;
        *link = last = node;
        link = &node->next;
    }
    *out = cat->child && !cat->child->next ? cat->child : cat;
    return WT_OK;
}

wt_status rx_parse(rx_node **out, rx_parser *p)
{
    if (++p->depth > RX_DEPTH)
        return rx_refuse(p, WT_ELIMIT, "nested too deeply");
    const bool fold = p->fold;
    rx_node *alt = NULL, **link;
    WT_TRY(new_node(&alt, p, RX_N_ALT));
    link = &alt->child;
    do {
        rx_node *node = NULL;
        WT_TRY(sequence(&node, p));
        *link = node;
        link = &node->next;
    } while (next_is(p, "|"));
    p->fold = fold;
    p->depth--;
    *out = alt->child->next ? alt : alt->child;
    return WT_OK;
}

/* --- code ------------------------------------------------------------------------------------------------------------
 */
typedef struct emitter {
    rx_parser *p;
    rx_code *code; /* NULL in the first round, which counts */
    size_t n;
} emitter;

static wt_status emit(emitter *e, const rx_code *code, size_t *at)
{
    if (e->n == MOST_CODE)
        return rx_refuse(e->p, WT_ELIMIT, "the pattern is too long");
    if (e->code)
        e->code[e->n] = *code;
    *at = e->n++;
    return WT_OK;
}

static void set_target(const emitter *e, size_t at)
{
    if (e->code)
        e->code[at].a = (uint32_t)e->n;
}

/* Those that go to where the code ends now are a list through `a`. */
static void set_targets(const emitter *e, size_t at)
{
    while (e->code && at != NOWHERE) {
        const size_t before = e->code[at].a;
        e->code[at].a = (uint32_t)e->n;
        at = before;
    }
}

static void first_of_set(rx_first *first, const rx_set *set)
{
    for (int i = 0; i < 4; i++)
        first->bits[i] |= set->ascii[i];
    for (int i = 4; i < 8; i++) /* every lead byte, and bytes that are no UTF-8 */
        first->bits[i] = UINT32_MAX;
}

/* Adds the bytes that `node` may begin with; first->empty: it may match nothing, so what follows counts too. */
static void first_of(rx_first *first, const rx_node *node)
{
    bool empty = false;
    switch (node->kind) {
    case RX_N_SET: first_of_set(first, node->set); break;
    case RX_N_CAT:
        empty = true;
        for (const rx_node *n = node->child; n && empty; n = n->next) {
            first->empty = false;
            first_of(first, n);
            empty = first->empty;
        }
        break;
    case RX_N_ALT:
        for (const rx_node *n = node->child; n; n = n->next) {
            first->empty = false;
            first_of(first, n);
            empty = empty || first->empty;
        }
        break;
    case RX_N_REP:
        first->empty = false;
        first_of(first, node->child);
        empty = first->empty || node->min == 0;
        break;
    case RX_N_LOOK:
        empty = true;
        if (node->op == RX_ATOMIC) {
            first->empty = false;
            first_of(first, node->child);
            empty = first->empty;
        }
        break;
    default: empty = true; break;
    }
    first->empty = empty;
}

static wt_status generate(emitter *e, const rx_node *node);

static wt_status generate_alt(emitter *e, const rx_node *node)
{
    size_t at = 0, jumps = NOWHERE;
    for (const rx_node *n = node->child; n; n = n->next) {
        if (n->next) {
            rx_first *first = wt_arena_alloc(e->p->arena, 1, sizeof *first, e->p->err);
            if (!first)
                return WT_ENOMEM;
            first_of(first, n);
            WT_TRY(emit(e, &(rx_code){ .op = RX_SPLIT, .first = first }, &at));
        }
        WT_TRY(generate(e, n));
        if (!n->next)
            break;
        WT_TRY(emit(e, &(rx_code){ .op = RX_JUMP, .a = (uint32_t)jumps }, &jumps));
        set_target(e, at);
    }
    set_targets(e, jumps);
    return WT_OK;
}

static wt_status generate_inner(emitter *e, rx_op op, const rx_node *body, const rx_node *look, uint32_t width)
{
    size_t at = 0, end;
    WT_TRY(emit(e, &(rx_code){ .op = op, .negated = look && look->negated, .min = width }, &at));
    WT_TRY(generate(e, body));
    WT_TRY(emit(e, &(rx_code){ .op = RX_MATCH }, &end));
    set_target(e, at);
    return WT_OK;
}

static wt_status generate_times(emitter *e, const rx_node *node)
{
    size_t at = 0, jump;
    for (uint32_t i = 0; i < node->min; i++)
        WT_TRY(generate(e, node->child));
    const rx_op split = node->op == RX_LAZY ? RX_SPLAT : RX_SPLIT;
    if (node->max == RX_FOREVER) {
        WT_TRY(emit(e, &(rx_code){ .op = split }, &at));
        WT_TRY(generate(e, node->child));
        WT_TRY(emit(e, &(rx_code){ .op = RX_JUMP, .a = (uint32_t)at }, &jump));
        set_target(e, at);
        return WT_OK;
    }
    size_t splits = NOWHERE;
    for (uint32_t i = node->min; i < node->max; i++) { /* (x(x(x)?)?)? */
        WT_TRY(emit(e, &(rx_code){ .op = split, .a = (uint32_t)splits }, &splits));
        WT_TRY(generate(e, node->child));
    }
    set_targets(e, splits);
    return WT_OK;
}

static wt_status generate_rep(emitter *e, const rx_node *node)
{
    size_t at;
    if (node->child->kind == RX_N_SET)
        return emit(e, &(rx_code){ .op = node->op, .min = node->min, .max = node->max, .set = node->child->set }, &at);
    if (node->op == RX_EAGER) {
        rx_node greedy = *node;
        greedy.op = RX_LOOP;
        return generate_inner(e, RX_ATOMIC, &greedy, NULL, 0);
    }
    return generate_times(e, node);
}

/* How many characters the node always matches; false: it depends. */
static bool width_of(const rx_node *node, uint32_t *width)
{
    uint32_t w;
    *width = 0;
    switch (node->kind) {
    case RX_N_SET: *width = 1; return true;
    case RX_N_REP:
        if (node->min != node->max || !width_of(node->child, &w))
            return false;
        *width = w * node->min;
        return *width < RX_COUNT;
    case RX_N_CAT:
        for (const rx_node *n = node->child; n; n = n->next) {
            if (!width_of(n, &w))
                return false;
            *width += w;
        }
        return *width < RX_COUNT;
    case RX_N_ALT:
        if (!width_of(node->child, width))
            return false;
        for (const rx_node *n = node->child->next; n; n = n->next)
            if (!width_of(n, &w) || w != *width)
                return false;
        return true;
    case RX_N_LOOK: return node->op != RX_ATOMIC || width_of(node->child, width);
    default: return true;
    }
}

static wt_status generate_look(emitter *e, const rx_node *node)
{
    uint32_t width = 0;
    if (node->op == RX_BEHIND && !width_of(node->child, &width))
        return rx_refuse(e->p, WT_EUNSUPPORTED, "a look-behind of no fixed width");
    return generate_inner(e, node->op, node->child, node, width);
}

static wt_status generate(emitter *e, const rx_node *node)
{
    size_t at;
    switch (node->kind) {
    case RX_N_SET: return emit(e, &(rx_code){ .op = RX_SET, .set = node->set }, &at);
    case RX_N_ANCHOR: return emit(e, &(rx_code){ .op = node->op, .negated = node->negated }, &at);
    case RX_N_ALT: return generate_alt(e, node);
    case RX_N_REP: return generate_rep(e, node);
    case RX_N_LOOK: return generate_look(e, node);
    case RX_N_CAT:
        for (const rx_node *n = node->child; n; n = n->next)
            WT_TRY(generate(e, n));
        return WT_OK;
    default: return WT_OK;
    }
}

wt_status wt_regex_compile(const wt_regex **out, wt_arena *arena, const char *pattern, size_t len, wt_err *err)
{
    rx_parser p = { .arena = arena, .text = pattern, .len = len, .err = err };
    rx_node *tree;
    *out = NULL;
    WT_TRY(rx_parse(&tree, &p));
    if (p.at != len)
        return rx_refuse(&p, WT_EFORMAT, "a group ends that did not begin");
    emitter e = { .p = &p };
    size_t at = 0;
    for (int round = 0; round < 2; round++) {
        const size_t n = e.n;
        if (round && !(e.code = wt_arena_alloc(arena, n, sizeof *e.code, err)))
            return WT_ENOMEM;
        e.n = 0;
        WT_TRY(generate(&e, tree));
        WT_TRY(emit(&e, &(rx_code){ .op = RX_MATCH }, &at));
    }
    wt_regex *re = wt_arena_alloc(arena, 1, sizeof *re, err);
    if (!re)
        return WT_ENOMEM;
    re->code = e.code;
    re->n = e.n;
    first_of(&re->first, tree);
    *out = re;
    return WT_OK;
}
