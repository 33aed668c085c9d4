/* text_out.c - see text_out.h. */
#include "run/generate/text_out.h"
#include "model/tokenizer/unicode.h"

void wt_text_out_init(wt_text_out *out, wt_context *ctx, const wt_generate_options *options)
{
    *out = (wt_text_out){
        .stop = options->stop, .n_stop = options->n_stop, .fn = options->on_text, .user = options->user
    };
    wt_buf_init(&out->text, ctx);
    wt_buf_puts(&out->text, "");
    for (size_t i = 0; i < out->n_stop; i++)
        if (strlen(out->stop[i]) > out->longest)
            out->longest = strlen(out->stop[i]);
}

void wt_text_out_free(wt_text_out *out) { wt_buf_free(&out->text); }

static wt_status give(wt_text_out *out, size_t upto, wt_err *err)
{
    if (!out->fn || upto <= out->given)
        return WT_OK;
    const char *from = out->text.data + out->given;
    const size_t len = upto - out->given;
    out->given = upto;
    return out->fn(out->user, from, len, err);
}

/* A stop text may begin in what was there and end in what came. */
static bool find_stop(wt_text_out *out, size_t before)
{
    size_t first = out->text.len;
    for (size_t i = 0; i < out->n_stop; i++) {
        const size_t n = strlen(out->stop[i]), from = before > n ? before - n : 0;
        for (size_t at = from; n && at + n <= out->text.len && at < first; at++)
            if (!memcmp(out->text.data + at, out->stop[i], n))
                first = at;
    }
    if (first == out->text.len)
        return false;
    out->text.len = first;
    out->text.data[first] = 0;
    return true;
}

wt_status wt_text_out_add(wt_text_out *out, const char *bytes, size_t len, wt_err *err)
{
    const size_t before = out->text.len;
    wt_buf_add(&out->text, bytes, len);
    wt_buf_add(&out->text, "", 1);
    WT_TRY(wt_buf_status(&out->text, err));
    out->text.len--; /* the zero stays behind the end */
    out->stopped = find_stop(out, before);
    if (out->stopped)
        return give(out, out->text.len, err);
    const size_t held = out->longest > 1 ? out->longest - 1 : 0;
    size_t upto = out->text.len > held ? out->text.len - held : 0;
    upto -= wt_utf8_pending(out->text.data, upto);
    return give(out, upto, err);
}

wt_status wt_text_out_end(wt_text_out *out, wt_err *err)
{
    const size_t cut = wt_utf8_pending(out->text.data, out->text.len);
    if (cut) {
        out->text.len -= cut;
        wt_buf_puts(&out->text, "\xEF\xBF\xBD");
        WT_TRY(wt_buf_status(&out->text, err));
    }
    return give(out, out->text.len, err);
}
