/* attr.c - looking attributes up. Nodes have a handful of them: a linear scan is the fastest table. */
#include "model/attr.h"

const wt_attr *wt_attr_find(const wt_attrs *attrs, const char *name)
{
    for (size_t i = 0; attrs && i < attrs->count; i++)
        if (strcmp(attrs->items[i].name, name) == 0)
            return &attrs->items[i];
    return NULL;
}

int64_t wt_attr_int(const wt_attrs *attrs, const char *name, int64_t fallback)
{
    const wt_attr *a = wt_attr_find(attrs, name);
    return a && a->type == WT_ATTR_INT ? a->v.i : fallback;
}

float wt_attr_float(const wt_attrs *attrs, const char *name, float fallback)
{
    const wt_attr *a = wt_attr_find(attrs, name);
    return a && a->type == WT_ATTR_FLOAT ? a->v.f : fallback;
}

bool wt_attr_is(const wt_attrs *attrs, const char *name, const char *value)
{
    const wt_attr *a = wt_attr_find(attrs, name);
    const size_t len = strlen(value);
    return a && a->type == WT_ATTR_STRING && a->v.s.len == len && memcmp(a->v.s.data, value, len) == 0;
}

size_t wt_attr_ints(const wt_attrs *attrs, const char *name, int64_t *out, size_t max)
{
    const wt_attr *a = wt_attr_find(attrs, name);
    if (!a || a->type != WT_ATTR_INTS)
        return 0;
    for (size_t i = 0; i < a->count && i < max; i++)
        out[i] = a->v.ints[i];
    return a->count;
}
