/* ctc.c - see ctc.h. */
#include "measure/ctc.h"
#include <math.h>

enum { MAX_TEXT = 1 << 16 };

static size_t count_lines(const char *s)
{
    size_t n = 0;
    for (const char *p = s; *p; n++) {
        p += strcspn(p, "\n");
        p += *p == '\n';
    }
    return n;
}

wt_status wt_ctc_table_open(wt_ctc_table *out, wt_context *ctx, const char *character, size_t classes, wt_err *err)
{
    const size_t lines = count_lines(character), len = strlen(character);
    *out = (wt_ctc_table){ .ctx = ctx, .classes = classes };
    if (classes != lines + 1 && classes != lines + 2)
        return wt_fail(
            err, WT_EFORMAT,
            "the model has %zu classes, but its character table has %zu lines (one less or two were expected)", classes,
            lines);
    out->text = wt_alloc(ctx, len + 1, 1, err);
    out->name = out->text ? wt_alloc(ctx, classes, sizeof *out->name, err) : NULL;
    if (!out->name) {
        wt_ctc_table_close(out);
        return WT_ENOMEM;
    }
    memcpy(out->text, character, len);
    out->name[0] = "";
    char *p = out->text;
    for (size_t i = 1; i <= lines; i++) {
        const size_t n = strcspn(p, "\n");
        out->name[i] = p;
        char *next = p + n + (p[n] == '\n');
        p[n - (n > 0 && p[n - 1] == '\r')] = 0;
        p = next;
    }
    if (classes == lines + 2)
        out->name[lines + 1] = " ";
    return WT_OK;
}

void wt_ctc_table_close(wt_ctc_table *table)
{
    if (table->ctx) {
        wt_free(table->ctx, table->text);
        wt_free(table->ctx, table->name);
    }
    *table = (wt_ctc_table){ 0 };
}

bool wt_ctc_greedy(const wt_ctc_table *table, const float *scores, size_t steps, wt_buf *out)
{
    size_t last = 0;
    bool finite = true;
    for (size_t t = 0; t < steps; t++) {
        const float *row = scores + t * table->classes;
        size_t best = 0;
        for (size_t k = 1; k < table->classes; k++)
            best = row[k] > row[best] ? k : best;
        finite = finite && isfinite(row[best]);
        if (best != last && best != 0)
            wt_buf_puts(out, table->name[best]);
        last = best;
    }
    return finite;
}

/* --- distance
 * --------------------------------------------------------------------------------------------------------------------
 */

/* Code points of UTF-8; a broken byte counts as one. */
static size_t decode(const char *s, uint32_t *out)
{
    size_t n = 0;
    for (const uint8_t *p = (const uint8_t *)s; *p; n++) {
        uint32_t c = *p++;
        const int extra = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
        for (int i = 0; i < extra && (*p & 0xc0) == 0x80; i++)
            c = c << 6 | (*p++ & 0x3f);
        out[n] = c;
    }
    return n;
}

wt_status wt_edit_distance(wt_context *ctx, const char *a, const char *b, size_t *distance, size_t *length, wt_err *err)
{
    const size_t la = strlen(a), lb = strlen(b);
    *distance = *length = 0;
    if (la > MAX_TEXT || lb > MAX_TEXT)
        return wt_fail(err, WT_ELIMIT, "a text of %zu bytes is too long to be compared", la > lb ? la : lb);
    uint32_t *x = wt_alloc_raw(ctx, la + lb + (lb + 1), sizeof *x, err);
    if (!x)
        return WT_ENOMEM;
    uint32_t *y = x + la, *row = y + lb; /* row[j]: distance of the first i of x to the first j of y */
    const size_t n = decode(a, x), m = decode(b, y);
    for (size_t j = 0; j <= m; j++)
        row[j] = (uint32_t)j;
    for (size_t i = 1; i <= n; i++) {
        uint32_t diagonal = row[0];
        row[0] = (uint32_t)i;
        for (size_t j = 1; j <= m; j++) {
            const uint32_t above = row[j], change = diagonal + (x[i - 1] != y[j - 1]);
            uint32_t best = above + 1 < row[j - 1] + 1 ? above + 1 : row[j - 1] + 1;
            row[j] = best < change ? best : change;
            diagonal = above;
        }
    }
    *distance = row[m];
    *length = m;
    wt_free(ctx, x);
    return WT_OK;
}
