/* print.c - types, names, numbers and escaping for the printers of a graph. */
#include "model/print.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* --- text ---------------------------------------------------------------------------------------------------- */
static void escape_char(wt_buf *out, unsigned char c, wt_escape how)
{
    const bool control = c < 0x20 || c == 0x7f;
    if (how == WT_ESCAPE_XML) {
        switch (c) {
        case '&': wt_buf_puts(out, "&amp;"); return;
        case '<': wt_buf_puts(out, "&lt;"); return;
        case '>': wt_buf_puts(out, "&gt;"); return;
        case '"': wt_buf_puts(out, "&quot;"); return;
        case '\'': wt_buf_puts(out, "&#39;"); return;
        default: break;
        }
        wt_buf_add(out, control ? " " : (const char *)&c, 1);
    } else if (c == '"' || c == '\\') {
        wt_buf_printf(out, "\\%c", c);
    } else if (control) {
        if (c == '\n')
            wt_buf_puts(out, "\\n");
        else
            wt_buf_printf(out, how == WT_ESCAPE_DOT ? "\\\\x%02x" : "\\x%02x", c);
    } else {
        wt_buf_add(out, &c, 1);
    }
}

void wt_print_escaped(wt_buf *out, const char *s, size_t len, wt_escape how)
{
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
    for (size_t i = 0; i < len;) {
        const unsigned char c = (unsigned char)s[i];
        size_t n = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
        if (n == 1) {
            escape_char(out, c, how);
        } else if (n <= len - i && wt_utf8_valid(s + i, n) && !(c == 0xc2 && (unsigned char)s[i + 1] < 0xa0) &&
                   !(n == 3 && c == 0xef && (unsigned char)s[i + 1] == 0xbf && (unsigned char)s[i + 2] >= 0xbe)) {
            wt_buf_add(out, s + i, n);
        } else { /* broken, a C1 control, or U+FFFE and U+FFFF, which XML does not know */
            wt_buf_puts(out, replacement);
            n = 1;
        }
        i += n;
    }
}

void wt_print_name(wt_buf *out, const char *name)
{
    static const char word[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:-";
    if (name[0] && name[strspn(name, word)] == 0) {
        wt_buf_puts(out, name);
        return;
    }
    wt_buf_puts(out, "\"");
    wt_print_escaped(out, name, strlen(name), WT_ESCAPE_QUOTED);
    wt_buf_puts(out, "\"");
}

/* --- numbers --------------------------------------------------------------------------------------------------- */
static void put_number(wt_buf *out, char *text)
{
    char *comma = strchr(text, ','); /* the decimal point of some locales */
    if (comma)
        *comma = '.';
    wt_buf_puts(out, text);
}

void wt_print_double(wt_buf *out, double v)
{
    char text[40];
    if (isnan(v)) {
        wt_buf_puts(out, "nan");
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    put_number(out, text);
}

void wt_print_float(wt_buf *out, float v)
{
    char text[40];
    if (isnan(v)) {
        wt_buf_puts(out, "nan");
        return;
    }
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)v);
        if (strtof(text, NULL) == v)
            break;
    }
    put_number(out, text);
}

/* Long texts (tables of characters, embedded programs) are cut. */
static void put_quoted(wt_buf *out, const wt_string *s)
{
    enum { LONGEST = 200 };
    wt_buf_puts(out, "\"");
    wt_print_escaped(out, s->data, s->len < LONGEST ? s->len : LONGEST, WT_ESCAPE_QUOTED);
    wt_buf_puts(out, "\"");
    if (s->len > LONGEST)
        wt_buf_printf(out, "... %zu bytes in all", s->len);
}

bool wt_print_element(wt_buf *out, const wt_tensor *t, int64_t i)
{
    int64_t n;
    double d;
    if (t->dtype == WT_STRING && t->data && (uint64_t)i < t->bytes / sizeof(wt_string)) {
        wt_string s;
        memcpy(&s, (const char *)t->data + (size_t)i * sizeof s, sizeof s);
        put_quoted(out, &s);
    } else if (t->dtype == WT_BOOL && wt_tensor_int(t, i, &n)) {
        wt_buf_puts(out, n ? "true" : "false");
    } else if (wt_tensor_int(t, i, &n)) {
        wt_buf_printf(out, "%lld", (long long)n);
    } else if (wt_tensor_double(t, i, &d)) {
        if (t->dtype == WT_F64)
            wt_print_double(out, d);
        else
            wt_print_float(out, (float)d);
    } else {
        return false;
    }
    return true;
}

bool wt_print_elements(wt_buf *out, const wt_tensor *t, int64_t most)
{
    int64_t n;
    if (!t->data || t->layout != WT_PLAIN || t->dtype == WT_C64 || t->dtype == WT_C128 ||
        !wt_shape_count(&t->shape, &n) || n > most)
        return false;
    if (t->shape.rank == 0)
        return wt_print_element(out, t, 0);
    wt_buf_puts(out, "[");
    for (int64_t i = 0; i < n; i++) {
        wt_buf_puts(out, i ? ", " : "");
        if (!wt_print_element(out, t, i))
            wt_buf_puts(out, "?");
    }
    wt_buf_puts(out, "]");
    return true;
}

/* --- types ------------------------------------------------------------------------------------------------------ */
void wt_print_shape(wt_buf *out, const wt_shape *shape, const wt_graph *root)
{
    if (shape->rank < 0)
        wt_buf_puts(out, "...");
    for (int i = 0; i < shape->rank; i++) {
        const int64_t d = shape->dim[i];
        wt_buf_puts(out, i ? "x" : "");
        if (d >= 0)
            wt_buf_printf(out, "%lld", (long long)d);
        else if (WT_DIM_IS_SYMBOL(d) && WT_DIM_SYMBOL_INDEX(d) < root->n_symbols)
            wt_print_name(out, root->symbols[WT_DIM_SYMBOL_INDEX(d)]);
        else
            wt_buf_puts(out, "?");
    }
}

void wt_print_tensor_type(wt_buf *out, const wt_tensor *t, const wt_graph *root)
{
    wt_buf_printf(out, "%s[", wt_dtype_name(t->dtype));
    wt_print_shape(out, &t->shape, root);
    wt_buf_puts(out, t->layout == WT_C16 ? "]@c16" : "]");
}

void wt_print_type(wt_buf *out, const wt_value *v)
{
    static const char *const kinds[] = { "", "sequence ", "optional ", "state " };
    const wt_quant *q = v->quant;
    wt_buf_puts(out, (size_t)v->kind < WT_ARRAY_LEN(kinds) ? kinds[v->kind] : "");
    wt_print_tensor_type(out, &v->type, v->graph->root);
    if (!q)
        return;
    wt_buf_printf(out, " as %s", wt_dtype_name(q->dtype));
    if (q->count == 1) {
        wt_buf_puts(out, " scale ");
        wt_print_float(out, q->scale[0]);
        wt_buf_printf(out, " zero %d", (int)q->zero_point[0]);
    } else if (q->block) {
        wt_buf_printf(out, " in blocks of %lld along axis %d", (long long)q->block, q->axis);
    } else {
        wt_buf_printf(out, " along axis %d", q->axis);
    }
}

/* --- attributes ----------------------------------------------------------------------------------------------------
 */
static void put_list_element(wt_buf *out, const wt_attr *a, const wt_graph *root, size_t i)
{
    switch (a->type) {
    case WT_ATTR_INTS: wt_buf_printf(out, "%lld", (long long)a->v.ints[i]); break;
    case WT_ATTR_FLOATS: wt_print_float(out, a->v.floats[i]); break;
    case WT_ATTR_STRINGS: put_quoted(out, &a->v.strings[i]); break;
    case WT_ATTR_TENSORS: wt_print_tensor_type(out, a->v.tensors[i], root); break;
    default: break;
    }
}

void wt_print_attr(wt_buf *out, const wt_attr *a, const wt_graph *root, size_t most)
{
    switch (a->type) {
    case WT_ATTR_INT: wt_buf_printf(out, "%lld", (long long)a->v.i); return;
    case WT_ATTR_FLOAT: wt_print_float(out, a->v.f); return;
    case WT_ATTR_STRING: put_quoted(out, &a->v.s); return;
    case WT_ATTR_TENSOR:
        wt_print_tensor_type(out, a->v.tensor, root);
        wt_buf_puts(out, " ");
        if (!wt_print_elements(out, a->v.tensor, (int64_t)most))
            wt_buf_puts(out, "...");
        return;
    case WT_ATTR_GRAPH:
    case WT_ATTR_GRAPHS: wt_buf_puts(out, "{...}"); return;
    default: break;
    }
    wt_buf_puts(out, "[");
    for (size_t i = 0; i < a->count && i < most; i++) {
        wt_buf_puts(out, i ? ", " : "");
        put_list_element(out, a, root, i);
    }
    if (a->count > most)
        wt_buf_printf(out, ", ... %zu in all", a->count);
    wt_buf_puts(out, "]");
}
