/* ov_types.c - element types, numbers and shapes as OpenVINO spells them. */
#include "ov_net.h"
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

static const struct {
    wt_dtype dtype;
    const char *element_type, *precision;
} types[] = {
    { WT_F32, "f32", "FP32" },
    { WT_F16, "f16", "FP16" },
    { WT_F64, "f64", "FP64" },
    { WT_BF16, "bf16", "BF16" },
    { WT_I8, "i8", "I8" },
    { WT_I16, "i16", "I16" },
    { WT_I32, "i32", "I32" },
    { WT_I64, "i64", "I64" },
    { WT_U8, "u8", "U8" },
    { WT_U16, "u16", "U16" },
    { WT_U32, "u32", "U32" },
    { WT_U64, "u64", "U64" },
    { WT_BOOL, "boolean", "BOOL" },
    { WT_U4, "u4", "U4" },
    { WT_I4, "i4", "I4" },
    { WT_F4E2M1, "f4e2m1", "F4E2M1" },
    { WT_F8E4M3FN, "f8e4m3", "F8E4M3" },
    { WT_F8E5M2, "f8e5m2", "F8E5M2" },
    { WT_F8E8M0, "f8e8m0", "F8E8M0" },
};

bool wt_ov_dtype(const char *text, wt_dtype *out)
{
    *out = WT_DTYPE_NONE;
    if (!text || !strcasecmp(text, "dynamic") || !strcasecmp(text, "undefined") || !strcasecmp(text, "unspecified"))
        return text != NULL;
    for (size_t i = 0; i < WT_ARRAY_LEN(types); i++)
        if (!strcasecmp(types[i].element_type, text) || !strcasecmp(types[i].precision, text)) {
            *out = types[i].dtype;
            return true;
        }
    return false;
}

const char *wt_ov_element_type(wt_dtype dtype)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(types); i++)
        if (types[i].dtype == dtype)
            return types[i].element_type;
    return NULL;
}

const char *wt_ov_precision(wt_dtype dtype)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(types); i++)
        if (types[i].dtype == dtype)
            return types[i].precision;
    return NULL;
}

bool wt_ov_parse_u64(const char *text, uint64_t *out)
{
    uint64_t v = 0;
    if (!text || !*text)
        return false;
    for (; *text; text++)
        if (!isdigit((unsigned char)*text) || __builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
            return false;
    *out = v;
    return true;
}

bool wt_ov_parse_i64(const char *text, int64_t *out)
{
    uint64_t v = 0;
    const bool negative = text && *text == '-';
    if (!text || !wt_ov_parse_u64(text + negative, &v) || v > INT64_MAX)
        return false;
    *out = negative ? -(int64_t)v : (int64_t)v;
    return true;
}

/* The next part between commas, without blanks; false: too long for what it may be. */
static bool next_part(const char **text, char part[48])
{
    const char *from = *text, *to = from + strcspn(from, ",");
    *text = *to ? to + 1 : NULL;
    while (from < to && isspace((unsigned char)*from))
        from++;
    while (to > from && isspace((unsigned char)to[-1]))
        to--;
    if (to - from >= 48)
        return false;
    memcpy(part, from, (size_t)(to - from));
    part[to - from] = 0;
    return true;
}

static bool is_blank(const char *text) { return text[strspn(text, " \t\r\n")] == 0; }

bool wt_ov_parse_list(const char *text, int64_t *out, size_t max, size_t *n)
{
    char part[48];
    *n = 0;
    for (const char *at = is_blank(text) ? NULL : text; at; ++*n)
        if (*n == max || !next_part(&at, part) || !wt_ov_parse_i64(part, &out[*n]))
            return false;
    return true;
}

bool wt_ov_parse_shape(const char *text, wt_shape *out)
{
    char part[48];
    *out = (wt_shape){ .rank = 0 };
    if (!strcmp(text, "...")) {
        out->rank = -1;
        return true;
    }
    if (is_blank(text) || !strcmp(text, "[]"))
        return true;
    const size_t len = strlen(text);
    char buffer[512];
    if (text[0] == '[' && len < sizeof buffer && text[len - 1] == ']') {
        memcpy(buffer, text + 1, len - 2);
        buffer[len - 2] = 0;
        text = buffer;
    }
    for (const char *at = text; at; out->rank++) {
        int64_t dim = WT_DIM_ANY;
        if (out->rank == WT_MAX_RANK || !next_part(&at, part))
            return false;
        if (strcmp(part, "?") != 0 && !strstr(part, "..") && (!wt_ov_parse_i64(part, &dim) || dim < -1))
            return false;
        out->dim[out->rank] = dim;
    }
    return true;
}
