/* model_shape.c - shapes as people write them: 1x3x224x224, NAME=1x3x224x224. */
#include "model/model.h"
#include <errno.h>
#include <stdlib.h>

static wt_status fail_shape(const char *text, wt_err *err)
{
    wt_fail(err, WT_EUSAGE, "'%s' is no shape", text);
    wt_err_hint(err, "dims are whole numbers joined by x, such as 1x3x224x224; ? leaves one open; scalar has none");
    return WT_EUSAGE;
}

wt_status wt_shape_parse(const char *text, wt_shape *out, wt_err *err)
{
    wt_shape s = { 0 };
    *out = (wt_shape){ .rank = -1 };
    if (strcmp(text, "scalar") == 0) {
        *out = s;
        return WT_OK;
    }
    for (const char *p = text;; p++) {
        char *end = NULL;
        if (s.rank == WT_MAX_RANK)
            return wt_fail(err, WT_EUSAGE, "'%s' has more than %d dims", text, WT_MAX_RANK);
        if (*p == '?') {
            s.dim[s.rank++] = WT_DIM_ANY;
            p++;
        } else {
            errno = 0;
            const long long d = *p >= '0' && *p <= '9' ? strtoll(p, &end, 10) : -1;
            if (!end || errno)
                return fail_shape(text, err);
            s.dim[s.rank++] = d;
            p = end;
        }
        if (*p == 0)
            break;
        if (*p != 'x' && *p != ',')
            return fail_shape(text, err);
    }
    *out = s;
    return WT_OK;
}

/* The last '=' divides: names may contain one. */
wt_status wt_input_shape_parse(const char *text, wt_input_shape *out, char *buffer, size_t size, wt_err *err)
{
    const char *equals = strrchr(text, '=');
    const size_t len = equals ? (size_t)(equals - text) : 0;
    *out = (wt_input_shape){ .name = buffer, .shape = { .rank = -1 } };
    if (len >= size)
        return wt_fail(err, WT_EUSAGE, "the name in '%s' is longer than %zu bytes", text, size);
    memcpy(buffer, text, len);
    buffer[len] = 0;
    return wt_shape_parse(equals ? equals + 1 : text, &out->shape, err);
}
