/* normalizer.c - the steps that a text goes through before it is cut. */
#include "model/tokenizer/tokenizer_impl.h"

static void lower_all(wt_buf *out, const char *text, size_t len)
{
    for (size_t at = 0, size; at < len; at += size) {
        const uint32_t code = wt_utf8_get(text, len, at, &size);
        if (code == 0x130) /* the one letter whose lower case is two */
            wt_buf_add(out, "i\xcc\x87", 3);
        else
            wt_buf_put(out, wt_lower(code));
    }
}

static void drop_marks(wt_buf *out, const char *text, size_t len, uint32_t marks)
{
    for (size_t at = 0, size; at < len; at += size)
        if (!wt_is(wt_utf8_get(text, len, at, &size), marks))
            wt_buf_add(out, text + at, size);
}

static void nmt(wt_buf *out, const char *text, size_t len)
{
    for (size_t at = 0, size; at < len; at += size) {
        const uint32_t c = wt_utf8_get(text, len, at, &size);
        if ((c >= 1 && c <= 8) || c == 0xb || (c >= 0xe && c <= 0x1f) || c == 0x7f || c == 0x8f || c == 0x9f)
            continue;
        const bool space = c == 9 || c == 0xa || c == 0xc || c == 0xd || c == 0x1680 || (c >= 0x200b && c <= 0x200f) ||
                           c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xfeff || c == 0xfffd;
        if (space)
            wt_buf_puts(out, " ");
        else
            wt_buf_add(out, text + at, size);
    }
}

static void bert_clean(wt_buf *out, const char *text, size_t len)
{
    for (size_t at = 0, size; at < len; at += size) {
        const uint32_t c = wt_utf8_get(text, len, at, &size);
        const bool blank = c == '\t' || c == '\n' || c == '\r';
        if (c == 0 || c == WT_REPLACEMENT || (!blank && wt_is(c, WT_OTHERS & ~WT_CAT(WT_CN))))
            continue;
        if (blank || wt_is(c, WT_WHITE))
            wt_buf_puts(out, " ");
        else
            wt_buf_add(out, text + at, size);
    }
}

static void bert_cjk(wt_buf *out, const char *text, size_t len)
{
    for (size_t at = 0, size; at < len; at += size) {
        const bool cjk = wt_is_cjk(wt_utf8_get(text, len, at, &size));
        if (cjk)
            wt_buf_puts(out, " ");
        wt_buf_add(out, text + at, size);
        if (cjk)
            wt_buf_puts(out, " ");
    }
}

static wt_status replace(const wt_norm_step *step, wt_scratch *s, wt_buf *out, const char *text, size_t len,
                         wt_err *err)
{
    size_t from = 0;
    while (from <= len) {
        size_t at = SIZE_MAX, end = 0;
        if (step->regex) {
            WT_TRY(wt_regex_find(step->regex, &s->stack, text, len, from, &at, &end, err));
        } else if (step->pattern.len) {
            const char *hit = text + from;
            const char first = step->pattern.data[0];
            while ((hit = memchr(hit, first, len - (size_t)(hit - text))) != NULL &&
                   ((size_t)(text + len - hit) < step->pattern.len ||
                    memcmp(hit, step->pattern.data, step->pattern.len) != 0))
                hit++;
            at = hit ? (size_t)(hit - text) : SIZE_MAX;
            end = at + step->pattern.len;
        }
        if (at == SIZE_MAX)
            break;
        wt_buf_add(out, text + from, at - from);
        wt_buf_add(out, step->content.data, step->content.len);
        from = end;
        if (at == end) { /* an empty match: its place is passed by */
            size_t size = 1;
            if (from < len)
                (void)wt_utf8_get(text, len, from, &size);
            wt_buf_add(out, text + from, from < len ? size : 0);
            from += size;
        }
    }
    if (from < len)
        wt_buf_add(out, text + from, len - from);
    return WT_OK;
}

static void strip(const wt_norm_step *step, wt_buf *out, const char *text, size_t len)
{
    size_t from = 0, to = 0, size;
    bool leading = step->left;
    for (size_t at = 0; at < len; at += size) {
        const bool white = wt_is(wt_utf8_get(text, len, at, &size), WT_WHITE);
        if (white && leading)
            from = at + size;
        leading = leading && white;
        if (!white || !step->right)
            to = at + size;
    }
    if (to > from)
        wt_buf_add(out, text + from, to - from);
}

/* SentencePiece's own treatment of spaces, behind its table of characters. */
static void spm_spaces(const wt_norm_step *step, wt_buf *out, const char *text, size_t len)
{
    const char *space = step->content.data;
    const size_t n = step->content.len;
    if (step->collapse)
        while (len && text[0] == ' ') {
            text++;
            len--;
        }
    if (!len)
        return;
    if (step->prepend && !step->suffix)
        wt_buf_add(out, space, n);
    bool was_space = step->collapse;
    for (size_t at = 0; at < len; at++) {
        const bool is_space = text[at] == ' ';
        if (is_space && was_space && step->collapse)
            continue;
        if (is_space)
            wt_buf_add(out, space, n);
        else
            wt_buf_add(out, text + at, 1);
        was_space = is_space;
    }
    while (step->collapse && !out->failed && out->len >= n && memcmp(out->data + out->len - n, space, n) == 0)
        out->len -= n;
    if (step->prepend && step->suffix)
        wt_buf_add(out, space, n);
}

static wt_status bert(const wt_norm_step *step, wt_scratch *s, wt_buf *out, wt_string text, wt_err *err)
{
    wt_buf part[2];
    int now = 0;
    wt_status st = WT_OK;
    wt_buf_init(&part[0], s->ctx);
    wt_buf_init(&part[1], s->ctx);
    wt_buf_add(&part[0], text.data, text.len);
    for (int stage = 0; stage < 4 && st == WT_OK; stage++) {
        const bool on[4] = { step->clean, step->cjk, step->accents, step->lower };
        const wt_buf *from = &part[now];
        wt_buf *to = &part[!now];
        if (!on[stage] || !from->len)
            continue;
        to->len = 0;
        if (stage == 0)
            bert_clean(to, from->data, from->len);
        else if (stage == 1)
            bert_cjk(to, from->data, from->len);
        else if (stage == 3)
            lower_all(to, from->data, from->len);
        else if ((st = wt_normalize(to, from->data, from->len, WT_NFD, err)) == WT_OK) {
            part[now].len = 0;
            drop_marks(&part[now], to->data ? to->data : "", to->len, WT_CAT(WT_MN));
            now = !now;
        }
        now = !now;
    }
    if (st == WT_OK && part[now].len)
        wt_buf_add(out, part[now].data, part[now].len);
    if (st == WT_OK && (part[0].failed || part[1].failed))
        st = wt_buf_status(&part[part[0].failed ? 0 : 1], err);
    wt_buf_free(&part[0]);
    wt_buf_free(&part[1]);
    return st;
}

static wt_status run_step(const wt_tokenizer *t, const wt_norm_step *step, wt_scratch *s, wt_buf *out, wt_string text,
                          wt_err *err)
{
    switch (step->kind) {
    case WT_NORM_FORM: return wt_normalize(out, text.data, text.len, step->form, err);
    case WT_NORM_LOWER: lower_all(out, text.data, text.len); break;
    case WT_NORM_REPLACE: return replace(step, s, out, text.data, text.len, err);
    case WT_NORM_PREPEND:
        if (text.len)
            wt_buf_add(out, step->content.data, step->content.len);
        wt_buf_add(out, text.data, text.len);
        break;
    case WT_NORM_APPEND:
        wt_buf_add(out, text.data, text.len);
        if (text.len)
            wt_buf_add(out, step->content.data, step->content.len);
        break;
    case WT_NORM_STRIP: strip(step, out, text.data, text.len); break;
    case WT_NORM_ACCENTS: drop_marks(out, text.data, text.len, WT_MARKS); break;
    case WT_NORM_NMT: nmt(out, text.data, text.len); break;
    case WT_NORM_CHARSMAP: wt_charsmap_apply(out, step->map, &t->user, text.data, text.len); break;
    case WT_NORM_BERT: return bert(step, s, out, text, err);
    case WT_NORM_LETTERS: wt_byte_letters_put(out, text.data, text.len); break;
    case WT_NORM_SPM: spm_spaces(step, out, text.data, text.len); break;
    }
    return WT_OK;
}

wt_status wt_normalizer_run(const wt_tokenizer *t, wt_scratch *s, wt_string text, wt_string *out, wt_err *err)
{
    *out = text;
    for (size_t i = 0; i < t->n_norm; i++) {
        wt_buf *to = &s->norm[i & 1];
        to->len = 0;
        WT_TRY(run_step(t, &t->norm[i], s, to, *out, err));
        WT_TRY(wt_buf_status(to, err));
        *out = (wt_string){ to->data ? to->data : "", to->len };
    }
    return WT_OK;
}
