/* csv.c - one pass over the text, one row at a time. */
#include "model/dataset/csv.h"
#include "base/str.h"

void wt_csv_open(wt_csv *csv, wt_arena *arena, const char *text, size_t len)
{
    *csv = (wt_csv){ .text = text, .len = len, .next_line = 1, .arena = arena };
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        csv->at = 3;
}

static wt_status bad(const wt_csv *csv, wt_err *err, const char *what)
{
    return wt_fail_at(err, WT_EFORMAT, csv->at, "line %llu: %s", (unsigned long long)csv->line, what);
}

static bool at_line_end(const wt_csv *csv)
{
    const size_t at = csv->at;
    return at >= csv->len || csv->text[at] == '\n' ||
           (csv->text[at] == '\r' && (at + 1 >= csv->len || csv->text[at + 1] == '\n'));
}

static void skip_line_end(wt_csv *csv)
{
    if (csv->at < csv->len && csv->text[csv->at] == '\r')
        csv->at++;
    if (csv->at < csv->len && csv->text[csv->at] == '\n')
        csv->at++;
    csv->next_line++;
}

/* A quoted field, from behind its first quote to behind its last one. */
static wt_status quoted(wt_csv *csv, char **out, size_t *n, wt_err *err)
{
    size_t len = 0;
    const size_t start = csv->at;
    for (;; len++) {
        if (csv->at >= csv->len)
            return bad(csv, err, "a quoted field does not end");
        if (csv->text[csv->at] == '"') {
            if (csv->at + 1 >= csv->len || csv->text[csv->at + 1] != '"')
                break;
            csv->at++;
        }
        csv->next_line += csv->text[csv->at] == '\n';
        csv->at++;
    }
    char *s = wt_arena_alloc(csv->arena, len + 1, 1, err);
    if (!s)
        return WT_ENOMEM;
    for (size_t i = start, k = 0; k < len; i++, k++) {
        i += csv->text[i] == '"';
        s[k] = csv->text[i];
    }
    csv->at++;
    *out = s;
    *n = len;
    return WT_OK;
}

static wt_status field(wt_csv *csv, const char **out, wt_err *err)
{
    char *s = NULL;
    size_t n = 0;
    if (csv->at < csv->len && csv->text[csv->at] == '"') {
        csv->at++;
        WT_TRY(quoted(csv, &s, &n, err));
        if (!at_line_end(csv) && csv->text[csv->at] != ',')
            return bad(csv, err, "text after a quoted field");
    } else {
        const size_t start = csv->at;
        while (!at_line_end(csv) && csv->text[csv->at] != ',')
            csv->at++;
        n = csv->at - start;
        if (!(s = wt_arena_strndup(csv->arena, csv->text + start, n, err)))
            return WT_ENOMEM;
    }
    if (!wt_utf8_valid(s, n))
        return bad(csv, err, "a field is not UTF-8");
    *out = s;
    return WT_OK;
}

wt_status wt_csv_row(wt_csv *csv, const char **fields, size_t max, size_t *count, wt_err *err)
{
    *count = 0;
    while (csv->at < csv->len && at_line_end(csv))
        skip_line_end(csv);
    csv->line = csv->next_line;
    if (csv->at >= csv->len)
        return WT_OK;
    for (;;) {
        const char *value = NULL;
        WT_TRY(field(csv, &value, err));
        if (*count < max)
            fields[*count] = value;
        ++*count;
        if (at_line_end(csv)) {
            skip_line_end(csv);
            return WT_OK;
        }
        csv->at++; /* the comma */
    }
}
