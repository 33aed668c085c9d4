/* regex_match.c - runs compiled expressions: one loop, choices on a stack. */
#include "model/tokenizer/regex_impl.h"

enum { FIRST_CHOICES = 64, STEPS_MIN = 1000000, STEPS_PER_BYTE = 1000 };

bool rx_set_slow(const rx_set *set, uint32_t code)
{
    bool in = set->categories && wt_is(code, set->categories);
    for (size_t i = 0; !in && i < set->n_ranges; i++)
        in = code >= set->ranges[i][0] && code <= set->ranges[i][1];
    for (const rx_set *s = set->nested; !in && s; s = s->next)
        in = rx_set_slow(s, code);
    if (in && set->also)
        in = rx_set_slow(set->also, code);
    return in != set->negated;
}

typedef struct run {
    const wt_regex *re;
    wt_regex_stack *stack;
    const char *text;
    size_t len;
    uint64_t most_steps;
    wt_err *err;
} run;

void wt_regex_stack_free(wt_regex_stack *stack)
{
    if (stack->ctx)
        wt_free(stack->ctx, stack->choices);
    stack->choices = NULL;
    stack->n = stack->cap = 0;
}

static wt_status push(run *r, wt_regex_choice choice)
{
    wt_regex_stack *s = r->stack;
    if (WT_UNLIKELY(s->n == s->cap)) {
        void *grown = s->choices;
        WT_TRY(wt_grow(s->ctx, &grown, &s->cap, s->cap ? s->cap * 2 : FIRST_CHOICES, sizeof *s->choices, r->err));
        s->choices = grown;
    }
    s->choices[s->n++] = choice;
    return WT_OK;
}

/* The bytes of the character at `at` when it is in the set, else 0. */
WT_INLINE size_t one(const run *r, const rx_set *set, size_t at)
{
    if (at >= r->len)
        return 0;
    const uint8_t byte = (uint8_t)r->text[at];
    if (byte < 0x80)
        return set->ascii[byte >> 5] >> (byte & 31) & 1;
    size_t size;
    const uint32_t code = wt_utf8_get(r->text, r->len, at, &size);
    return rx_set_slow(set, code) ? size : 0;
}

/* Where the character in front of `at` begins; at > 0. Bytes that are no UTF-8 are characters of one byte. */
static size_t back_one(const run *r, size_t at)
{
    for (size_t n = 1; n <= 4 && n <= at; n++) {
        if (((uint8_t)r->text[at - n] & 0xc0) == 0x80)
            continue;
        size_t size;
        (void)wt_utf8_get(r->text, at, at - n, &size);
        return size == n ? at - n : at - 1;
    }
    return at - 1;
}

static bool is_word(const run *r, size_t at)
{
    size_t size;
    return at < r->len && rx_is_word(wt_utf8_get(r->text, r->len, at, &size));
}

static bool word_edge(const run *r, size_t at) { return (at > 0 && is_word(r, back_one(r, at))) != is_word(r, at); }

static bool anchored(const run *r, const rx_code *c, size_t at)
{
    switch (c->op) {
    case RX_BEGIN: return at == 0;
    case RX_LINE: return at == 0 || r->text[at - 1] == '\n';
    case RX_END: return at == r->len;
    case RX_END_LINE: return at == r->len || (r->text[at] == '\n' && (!c->negated || at + 1 == r->len));
    default: return word_edge(r, at) != c->negated;
    }
}

WT_INLINE bool may_begin(const rx_first *first, const run *r, size_t at)
{
    if (first->empty)
        return true;
    if (at >= r->len)
        return false;
    const uint8_t byte = (uint8_t)r->text[at];
    return first->bits[byte >> 5] >> (byte & 31) & 1;
}

/* Takes the last choice back: *pc and *at go on from it. False: there is none above `base`. */
static bool take_back(run *r, size_t base, uint32_t *pc, size_t *at)
{
    wt_regex_stack *s = r->stack;
    while (s->n > base) {
        wt_regex_choice *c = &s->choices[s->n - 1];
        const rx_code *code = &r->re->code[c->pc];
        s->steps++;
        if (code->op == RX_LOOP) {
            if (c->at > c->floor) {
                c->at = back_one(r, c->at);
                *pc = c->pc + 1;
                *at = c->at;
                if (c->at <= c->floor)
                    s->n--;
                return true;
            }
        } else if (code->op == RX_LAZY) {
            const size_t size = c->left ? one(r, code->set, c->at) : 0;
            if (size) {
                c->at += size;
                c->left--;
                *pc = c->pc + 1;
                *at = c->at;
                return true;
            }
        } else {
            *pc = c->left;
            *at = c->at;
            s->n--;
            return true;
        }
        s->n--;
    }
    return false;
}

/* Matches the set as often as wanted; false: fewer than min. */
static wt_status loop(run *r, uint32_t pc, size_t *at, bool *ok)
{
    const rx_code *c = &r->re->code[pc];
    const uint32_t goal = c->op == RX_LAZY ? c->min : c->max;
    size_t n = 0, floor = *at, size;
    while (n < goal && (size = one(r, c->set, *at)) != 0) {
        *at += size;
        if (++n == c->min)
            floor = *at;
    }
    r->stack->steps += n >> 4; /* going forth costs less than going back, but it costs */
    *ok = n >= c->min;
    if (!*ok)
        return WT_OK;
    if (c->op == RX_LAZY)
        return push(r, (wt_regex_choice){ .at = *at, .pc = pc, .left = c->max - c->min });
    /* what is followed by the end of the whole is never taken back */
    if (c->op == RX_LOOP && *at > floor && r->re->code[pc + 1].op != RX_MATCH)
        return push(r, (wt_regex_choice){ .at = *at, .floor = floor, .pc = pc });
    return WT_OK;
}

static wt_status execute(run *r, uint32_t pc, size_t at, size_t *end);

/* AHEAD, BEHIND, ATOMIC: a program of its own. Nesting is limited by the compiler. */
static wt_status inner(run *r, uint32_t pc, size_t *at, bool *ok)
{
    const rx_code *c = &r->re->code[pc];
    size_t from = *at, end;
    for (uint32_t i = 0; c->op == RX_BEHIND && i < c->min; i++) {
        if (from == 0) {
            *ok = c->negated;
            return WT_OK;
        }
        from = back_one(r, from);
    }
    const size_t base = r->stack->n;
    WT_TRY(execute(r, pc + 1, from, &end));
    r->stack->n = base;
    *ok = (end != SIZE_MAX) != c->negated;
    if (*ok && c->op == RX_ATOMIC)
        *at = end;
    return WT_OK;
}

static wt_status step(run *r, uint32_t *pc, size_t *at, bool *ok)
{
    const rx_code *c = &r->re->code[*pc];
    size_t size;
    *ok = true;
    switch (c->op) {
    case RX_SET:
        size = one(r, c->set, *at);
        *ok = size != 0;
        *at += size;
        break;
    case RX_LOOP:
    case RX_LAZY:
    case RX_EAGER: WT_TRY(loop(r, *pc, at, ok)); break;
    case RX_SPLIT:
        if (c->first && !may_begin(c->first, r, *at)) {
            *pc = c->a;
            return WT_OK;
        }
        WT_TRY(push(r, (wt_regex_choice){ .at = *at, .pc = *pc, .left = c->a }));
        break;
    case RX_SPLAT:
        WT_TRY(push(r, (wt_regex_choice){ .at = *at, .pc = *pc, .left = *pc + 1 }));
        *pc = c->a;
        return WT_OK;
    case RX_JUMP: *pc = c->a; return WT_OK;
    case RX_AHEAD:
    case RX_BEHIND:
    case RX_ATOMIC:
        WT_TRY(inner(r, *pc, at, ok));
        *pc = c->a;
        return WT_OK;
    default: *ok = anchored(r, c, *at); break;
    }
    ++*pc;
    return WT_OK;
}

static wt_status execute(run *r, uint32_t pc, size_t at, size_t *end)
{
    const size_t base = r->stack->n;
    *end = SIZE_MAX;
    for (;;) {
        bool ok;
        if (r->re->code[pc].op == RX_MATCH) {
            *end = at;
            return WT_OK;
        }
        WT_TRY(step(r, &pc, &at, &ok));
        if (ok)
            continue;
        if (!take_back(r, base, &pc, &at))
            return WT_OK;
        if (r->stack->steps > r->most_steps)
            return wt_fail(r->err, WT_ELIMIT, "a pre-tokenizer's pattern takes more than %llu steps on %zu bytes",
                           (unsigned long long)r->most_steps, r->len);
    }
}

wt_status wt_regex_find(const wt_regex *re, wt_regex_stack *stack, const char *text, size_t len, size_t from,
                        size_t *start, size_t *end, wt_err *err)
{
    run r = { .re = re, .stack = stack, .text = text, .len = len, .err = err };
    r.most_steps = STEPS_MIN + (uint64_t)len * STEPS_PER_BYTE;
    stack->steps = 0;
    *start = *end = SIZE_MAX;
    for (size_t at = from; at <= len;) {
        if (may_begin(&re->first, &r, at)) {
            stack->n = 0;
            WT_TRY(execute(&r, 0, at, end));
            if (*end != SIZE_MAX) {
                *start = at;
                return WT_OK;
            }
        }
        if (at == len)
            break;
        size_t size = 1;
        if ((uint8_t)text[at] >= 0x80)
            (void)wt_utf8_get(text, len, at, &size);
        at += size;
    }
    return WT_OK;
}
