/* pretokenizer.c - cuts normal text into words, one step after the other, each on the pieces of the one before. */
#include "model/tokenizer/tokenizer_impl.h"

wt_status wt_spans_add(wt_spans *spans, wt_context *ctx, size_t at, size_t len, wt_err *err)
{
    if (!len)
        return WT_OK;
    if (WT_UNLIKELY(spans->n == spans->cap)) {
        void *grown = spans->span;
        WT_TRY(wt_grow(ctx, &grown, &spans->cap, spans->cap ? spans->cap * 2 : 64, sizeof *spans->span, err));
        spans->span = grown;
    }
    spans->span[spans->n++] = (wt_span){ at, len };
    return WT_OK;
}

/* One piece, cut by matches: gap and match come in turn, and `split` says what becomes of them. */
typedef struct cutter {
    wt_scratch *s;
    wt_spans *out;
    const wt_pre_step *step;
    size_t base;     /* of the piece in the text */
    size_t pending;  /* where what has not been written begins */
    bool last_match; /* TOGETHER: what the pending part is; PREVIOUS: what was last */
    bool any;
    wt_err *err;
} cutter;

static wt_status put(cutter *c, size_t from, size_t to)
{
    return wt_spans_add(c->out, c->s->ctx, c->base + from, to - from, c->err);
}

/* The part [from, to) is a match or a gap; the parts of a piece come in order and leave nothing out. */
static wt_status part(cutter *c, size_t from, size_t to, bool match)
{
    match = match != c->step->invert;
    wt_status st = WT_OK;
    switch (c->step->split) {
    case WT_SPLIT_REMOVED:
        if (!match)
            st = put(c, from, to);
        break;
    case WT_SPLIT_ISOLATED: st = put(c, from, to); break;
    case WT_SPLIT_TOGETHER:
        if (c->any && match != c->last_match) {
            st = put(c, c->pending, from);
            c->pending = from;
        }
        c->last_match = match;
        break;
    case WT_SPLIT_PREVIOUS: /* a match joins the gap in front of it */
        if (c->any && !(match && !c->last_match)) {
            st = put(c, c->pending, from);
            c->pending = from;
        }
        c->last_match = match;
        break;
    case WT_SPLIT_NEXT: /* a gap joins the match in front of it */
        if (c->any && !(!match && c->last_match)) {
            st = put(c, c->pending, from);
            c->pending = from;
        }
        c->last_match = match;
        break;
    }
    c->any = true;
    return st;
}

static wt_status finish(cutter *c, size_t len)
{
    if (c->step->split != WT_SPLIT_REMOVED && c->step->split != WT_SPLIT_ISOLATED && c->any)
        return put(c, c->pending, len);
    return WT_OK;
}

static wt_status next_match(cutter *c, const char *text, size_t len, size_t from, size_t *at, size_t *end)
{
    const wt_pre_step *step = c->step;
    if (step->kind == WT_PRE_REGEX)
        return wt_regex_find(step->regex, &c->s->stack, text, len, from, at, end, c->err);
    *at = SIZE_MAX;
    for (size_t i = from; i + step->pattern.len <= len && step->pattern.len; i++)
        if (memcmp(text + i, step->pattern.data, step->pattern.len) == 0) {
            *at = i;
            *end = i + step->pattern.len;
            break;
        }
    return WT_OK;
}

static wt_status cut_piece(cutter *c, const char *text, size_t len)
{
    size_t from = 0, search = 0, at, end;
    bool matched = false;
    c->pending = 0;
    c->any = false;
    while (search <= len) {
        WT_TRY(next_match(c, text, len, search, &at, &end));
        if (at == SIZE_MAX)
            break;
        search = end;
        if (at ==
            end) { /* an empty match cuts, but not where the last match ended, and then a character is passed by */
            size_t size = 1;
            if (end < len)
                (void)wt_utf8_get(text, len, end, &size);
            search += size;
            if (matched && at == from)
                continue;
        }
        if (at > from)
            WT_TRY(part(c, from, at, false));
        if (end > at)
            WT_TRY(part(c, at, end, true));
        from = end;
        matched = true;
    }
    if (from < len)
        WT_TRY(part(c, from, len, false));
    return finish(c, len);
}

static bool begins_with(const char *text, size_t len, const wt_string *with)
{
    return len >= with->len && memcmp(text, with->data, with->len) == 0;
}

/* Copies the pieces with something in front of them, and (METASPACE) other letters for spaces. */
static wt_status rewrite(const wt_pre_step *step, wt_scratch *s, const wt_string *text, const wt_spans *in, bool first,
                         wt_buf *to, wt_spans *out, wt_err *err)
{
    static const wt_string blank = { " ", 1 };
    const wt_string *sign = step->kind == WT_PRE_SPACE ? &blank : &step->content;
    to->len = 0;
    for (size_t i = 0; i < in->n; i++) {
        const char *p = text->data + in->span[i].at;
        const size_t len = in->span[i].len, begin = to->len;
        if (step->kind == WT_PRE_LETTERS) {
            wt_byte_letters_put(to, p, len);
            WT_TRY(wt_spans_add(out, s->ctx, begin, to->len - begin, err));
            continue;
        }
        const bool has = begins_with(p, len, sign) || (step->kind == WT_PRE_METASPACE && p[0] == ' ');
        if (step->prepend && !has && (!step->first_only || (first && i == 0)))
            wt_buf_add(to, sign->data, sign->len);
        for (size_t at = 0; at < len;) {
            const char *hit = step->kind == WT_PRE_METASPACE ? memchr(p + at, ' ', len - at) : NULL;
            const size_t end = hit ? (size_t)(hit - p) : len;
            wt_buf_add(to, p + at, end - at);
            if (hit)
                wt_buf_add(to, sign->data, sign->len);
            at = end + (hit != NULL);
        }
        WT_TRY(wt_spans_add(out, s->ctx, begin, to->len - begin, err));
    }
    return wt_buf_status(to, err);
}

wt_status wt_pretokenize(const wt_tokenizer *t, wt_scratch *s, wt_string *text, bool first, int *which, wt_err *err)
{
    int now = 0, buffer = 0;
    s->spans[0].n = 0;
    WT_TRY(wt_spans_add(&s->spans[0], s->ctx, 0, text->len, err));
    for (size_t i = 0; i < t->n_pre; i++) {
        const wt_pre_step *step = &t->pre[i];
        const wt_spans *in = &s->spans[now];
        wt_spans *out = &s->spans[!now];
        out->n = 0;
        if (step->kind >= WT_PRE_SPACE) {
            wt_buf *to = &s->pre[buffer];
            WT_TRY(rewrite(step, s, text, in, first, to, out, err));
            *text = (wt_string){ to->data ? to->data : "", to->len };
            buffer = !buffer;
        } else {
            cutter c = { .s = s, .out = out, .step = step, .err = err };
            for (size_t k = 0; k < in->n; k++) {
                c.base = in->span[k].at;
                WT_TRY(cut_piece(&c, text->data + c.base, in->span[k].len));
            }
        }
        now = !now;
    }
    *which = now;
    return WT_OK;
}

wt_status wt_pre_regex(wt_tokenizer *t, wt_pre_step *step, const char *pattern, size_t len, wt_err *err)
{
    step->kind = WT_PRE_REGEX;
    step->split = WT_SPLIT_ISOLATED;
    step->pattern = (wt_string){ pattern, len };
    return wt_regex_compile(&step->regex, &t->arena, pattern, len, err);
}
