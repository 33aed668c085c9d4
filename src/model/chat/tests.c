/* tests.c - what can stand behind `is`. */
#include "model/chat/jinja.h"

typedef enum question {
    IS_DEFINED,
    IS_UNDEFINED,
    IS_NONE,
    IS_BOOLEAN,
    IS_TRUE,
    IS_FALSE,
    IS_INTEGER,
    IS_FLOAT,
    IS_NUMBER,
    IS_STRING,
    IS_MAPPING,
    IS_SEQUENCE,
    IS_ITERABLE,
    IS_CALLABLE,
    IS_EQUAL,
    IS_NOT_EQUAL,
    IS_LESS,
    IS_GREATER,
    IS_LESS_EQUAL,
    IS_GREATER_EQUAL,
    IS_IN,
    IS_EVEN,
    IS_ODD,
    IS_DIVISIBLE,
    IS_SAME,
    IS_FILTER,
    IS_TEST
} question;

static const struct {
    const char *name;
    question q;
} tests[] = {
    { "defined", IS_DEFINED },
    { "undefined", IS_UNDEFINED },
    { "none", IS_NONE },
    { "boolean", IS_BOOLEAN },
    { "true", IS_TRUE },
    { "false", IS_FALSE },
    { "integer", IS_INTEGER },
    { "float", IS_FLOAT },
    { "number", IS_NUMBER },
    { "string", IS_STRING },
    { "mapping", IS_MAPPING },
    { "sequence", IS_SEQUENCE },
    { "iterable", IS_ITERABLE },
    { "callable", IS_CALLABLE },
    { "equalto", IS_EQUAL },
    { "eq", IS_EQUAL },
    { "==", IS_EQUAL },
    { "ne", IS_NOT_EQUAL },
    { "!=", IS_NOT_EQUAL },
    { "lt", IS_LESS },
    { "lessthan", IS_LESS },
    { "<", IS_LESS },
    { "gt", IS_GREATER },
    { "greaterthan", IS_GREATER },
    { ">", IS_GREATER },
    { "le", IS_LESS_EQUAL },
    { "<=", IS_LESS_EQUAL },
    { "ge", IS_GREATER_EQUAL },
    { ">=", IS_GREATER_EQUAL },
    { "in", IS_IN },
    { "even", IS_EVEN },
    { "odd", IS_ODD },
    { "divisibleby", IS_DIVISIBLE },
    { "sameas", IS_SAME },
    { "filter", IS_FILTER },
    { "test", IS_TEST },
};

static bool find(wt_string name, question *q)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(tests); i++)
        if (jj_is(name, tests[i].name)) {
            *q = tests[i].q;
            return true;
        }
    return false;
}

static bool has_test(wt_string name)
{
    question q;
    return find(name, &q);
}

/* Questions about the value alone; -1: it is another one. */
static int about_kind(question q, const jj_value *v)
{
    const jj_kind k = v->kind;
    switch (q) {
    case IS_DEFINED: return k != JJ_UNDEFINED;
    case IS_UNDEFINED: return k == JJ_UNDEFINED;
    case IS_NONE: return k == JJ_NONE;
    case IS_BOOLEAN: return k == JJ_BOOL;
    case IS_TRUE: return k == JJ_BOOL && v->v.b;
    case IS_FALSE: return k == JJ_BOOL && !v->v.b;
    case IS_INTEGER: return k == JJ_INT;
    case IS_FLOAT: return k == JJ_FLOAT;
    case IS_NUMBER: return k == JJ_INT || k == JJ_FLOAT || k == JJ_BOOL;
    case IS_STRING: return k == JJ_STRING;
    case IS_MAPPING: return k == JJ_DICT && !v->v.dict->is_namespace;
    case IS_SEQUENCE: /* what has a length and items */
    case IS_ITERABLE: return k == JJ_LIST || k == JJ_DICT || k == JJ_STRING || k == JJ_UNDEFINED;
    case IS_CALLABLE: return k == JJ_CALL;
    case IS_FILTER: return k == JJ_STRING && jj_has_filter(v->v.s);
    case IS_TEST: return k == JJ_STRING && has_test(v->v.s);
    default: return -1;
    }
}

static wt_status about_numbers(jj_render *r, question q, const jj_value *v, const jj_value *by, bool *out)
{
    const int64_t n = q == IS_DIVISIBLE ? (by && by->kind == JJ_INT ? by->v.i : 0) : 2;
    if (v->kind != JJ_INT || n == 0)
        return jj_refuse(r, WT_EFORMAT, "even, odd and divisibleby want integers");
    *out = n == -1 || (v->v.i % n == 0) == (q != IS_ODD);
    return WT_OK;
}

wt_status jj_contains(jj_render *r, const jj_value *what, const jj_value *in, bool *out)
{
    jj_list *items;
    *out = false;
    if (in->kind == JJ_STRING) {
        if (what->kind != JJ_STRING)
            return jj_refuse(r, WT_EFORMAT, "%s cannot be in a string", jj_kind_name(what));
        *out = jj_find(in->v.s, what->v.s, 0) != SIZE_MAX;
        return WT_OK;
    }
    if (in->kind == JJ_DICT) {
        *out = jj_get(in->v.dict, what) != NULL;
        return WT_OK;
    }
    WT_TRY(jj_iterate(r, in, &items));
    for (size_t i = 0; i < items->n && !*out; i++)
        *out = jj_equal(&items->items[i], what);
    return WT_OK;
}

static bool same(const jj_value *a, const jj_value *b)
{
    if (a->kind != b->kind)
        return false;
    return a->kind == JJ_LIST ? a->v.list == b->v.list : a->kind == JJ_DICT ? a->v.dict == b->v.dict : jj_equal(a, b);
}

wt_status jj_test(jj_render *r, wt_string name, const jj_value *in, const jj_args *args, bool *out)
{
    const jj_value *other = jj_arg(args, 0, NULL);
    question q;
    int order = 0;
    if (!find(name, &q))
        return jj_refuse(r, WT_EUNSUPPORTED, "there is no test '%.*s'", (int)name.len, name.data);
    const int known = about_kind(q, in);
    *out = known == 1;
    if (known >= 0)
        return WT_OK;
    if (q == IS_EVEN || q == IS_ODD || q == IS_DIVISIBLE)
        return about_numbers(r, q, in, other, out);
    if (!other)
        return jj_refuse(r, WT_EFORMAT, "the test '%.*s' wants something to compare with", (int)name.len, name.data);
    if (q == IS_EQUAL || q == IS_NOT_EQUAL) {
        *out = jj_equal(in, other) == (q == IS_EQUAL);
        return WT_OK;
    }
    if (q == IS_SAME) {
        *out = same(in, other);
        return WT_OK;
    }
    if (q == IS_IN)
        return jj_contains(r, in, other, out);
    WT_TRY(jj_order(r, in, other, &order));
    *out = q == IS_LESS ? order < 0 : q == IS_GREATER ? order > 0 : q == IS_LESS_EQUAL ? order <= 0 : order >= 0;
    return WT_OK;
}
