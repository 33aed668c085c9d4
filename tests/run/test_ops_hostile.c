/* test_ops_hostile.c - every operator with arguments that nobody would write but an attacker or a broken exporter.
 *
 * Element types, shapes, values and attributes are drawn at random, with a liking for what breaks programs: empty axes,
 * the ends of int64, NaN, attributes of other operators. Whatever comes, an operator answers: with a result inside its
 * buffers, or with a refusal that says why. Run under the sanitizers, this is where rules and kernels are checked for
 * what they believe. A failing case is repeated with WHET_TEST_SEED=<the number it printed>. */
#include "base/hash.h"
#include "op_harness.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t pick(uint64_t *r, uint64_t n) { return wt_random(r) % n; }
static bool chance(uint64_t *r, unsigned percent) { return pick(r, 100) < percent; }

static int64_t some_int(uint64_t *r)
{
    static const int64_t ends[] = {
        INT64_MIN, INT64_MAX, INT64_MIN + 1, INT64_C(1) << 31, INT64_C(1) << 40, -(INT64_C(1) << 40), 1000, 65536, -7
    };
    return chance(r, 12) ? ends[pick(r, WT_ARRAY_LEN(ends))] : (int64_t)pick(r, 7) - 2;
}

static double some_real(uint64_t *r)
{
    static const double ends[] = { NAN, INFINITY, -INFINITY, 1e30, -1e30, 1e-30, 0, -0.0, 65504, 1e300 };
    return chance(r, 10) ? ends[pick(r, WT_ARRAY_LEN(ends))] : 4 * wt_random_unit(r) - 2;
}

static void some_shape(uint64_t *r, char *text, size_t size)
{
    static const int dims[] = { 0, 1, 1, 2, 2, 3, 4, 5, 16, 17 };
    size_t rank = pick(r, 6), len = 0;
    snprintf(text, size, "scalar");
    for (size_t i = 0; i < rank; i++)
        len += (size_t)snprintf(text + len, size - len, "%s%d", i ? "x" : "", dims[pick(r, rank > 3 ? 7 : 10)]);
}

/* Elements of a shape given as text. */
static size_t count_of(const char *text)
{
    size_t n = 1;
    if (strcmp(text, "scalar") == 0)
        return 1;
    for (const char *p = text; *p; p++) {
        char *end;
        n *= (size_t)strtoul(p, &end, 10);
        p = end;
        if (!*p)
            break;
    }
    return n;
}

static void some_input(op_test *t, uint64_t *r, wt_dtype type, const char *shape)
{
    const size_t n = count_of(shape), info = wt_dtype_get(type)->block_bytes;
    char *data = calloc(n + 1, 16);
    assert_non_null(data);
    for (size_t i = 0; i < n; i++) {
        if (type == WT_STRING) {
            static const wt_string words[] = { { "", 0 }, { "a", 1 }, { "12", 2 }, { "-inf", 4 }, { "zz", 2 } };
            memcpy(data + i * sizeof(wt_string), &words[pick(r, WT_ARRAY_LEN(words))], sizeof(wt_string));
        } else if (wt_dtype_is_float(type)) {
            const double v = some_real(r);
            wt_convert(&v, WT_F64, data + i * info, type, 1, true, NULL);
        } else {
            const int64_t v = some_int(r);
            memcpy(data + i * info, &v, info > 8 ? 8 : info); /* any bytes will do */
        }
    }
    op_in(t, type, shape, data);
    free(data);
    if (chance(r, 10))
        op_hide(t);
}

static void some_attrs(op_test *t, uint64_t *r)
{
    static const char *const ints[] = { "axis",
                                        "keepdims",
                                        "noop_with_empty_axes",
                                        "allowzero",
                                        "to",
                                        "saturate",
                                        "blocksize",
                                        "batch_dims",
                                        "num_outputs",
                                        "upper",
                                        "exclusive",
                                        "reverse",
                                        "largest",
                                        "sorted",
                                        "select_last_index",
                                        "k",
                                        "dtype",
                                        "start",
                                        "end",
                                        "fmod",
                                        "transA",
                                        "transB",
                                        "trans_b",
                                        "act",
                                        "detect_negative",
                                        "onesided",
                                        "inverse",
                                        "periodic",
                                        "output_datatype",
                                        "sample_size",
                                        "antialias",
                                        "exclude_outside",
                                        "align_corners",
                                        "batch_axis",
                                        "time_axis",
                                        "center_point_box",
                                        "group",
                                        "ceil_mode",
                                        "count_include_pad",
                                        "hidden_size",
                                        "layout",
                                        "linear_before_reset",
                                        "num_groups",
                                        "p",
                                        "size",
                                        "stash_type",
                                        "q_num_heads",
                                        "kv_num_heads",
                                        "is_causal",
                                        "output_height",
                                        "output_width",
                                        "sampling_ratio",
                                        "block_size",
                                        "storage_order",
                                        "interleaved",
                                        "num_heads",
                                        "rotary_embedding_dim" };
    static const char *const floats[] = { "alpha",         "beta",          "gamma", "bias",
                                          "lambd",         "epsilon",       "mean",  "scale",
                                          "low",           "high",          "seed",  "extrapolation_value",
                                          "cubic_coeff_a", "spatial_scale", "clip",  "threshold",
                                          "softcap",       "momentum" };
    static const char *const lists[] = { "axes",         "perm",         "pads",        "strides",
                                         "dilations",    "kernel_shape", "shape",       "output_padding",
                                         "output_shape", "value_ints",   "pooled_shape" };
    static const struct {
        const char *name, *values[6];
    } texts[] = { { "mode", { "nearest", "linear", "cubic", "reflect", "wrap", "CRD" } },
                  { "direction", { "LEFT", "RIGHT", "forward", "bidirectional", "reverse", "" } },
                  { "reduction", { "add", "mul", "max", "min", "none", "?" } },
                  { "coordinate_transformation_mode",
                    { "align_corners", "asymmetric", "half_pixel_symmetric", "tf_crop_and_resize", "pytorch_half_pixel",
                      "half_pixel" } },
                  { "nearest_mode", { "floor", "ceil", "round_prefer_ceil", "round_prefer_floor", "x", "" } },
                  { "padding_mode", { "zeros", "border", "reflection", "x", "", "zeros" } },
                  { "equation", { "ij,jk->ik", "...i,...i->...", "i->", "ab,ab", "ii->i", "a,b,c->abc" } },
                  { "auto_pad", { "SAME_UPPER", "VALID", "SAME_LOWER", "NOTSET", "x", "" } },
                  { "keep_aspect_ratio_policy", { "not_larger", "not_smaller", "stretch", "x", "", "" } },
                  { "approximate", { "tanh", "none", "x", "", "", "" } } };
    while (t->n_attrs < OP_MAX_ATTRS - 1 && chance(r, 85)) {
        const uint64_t kind = pick(r, 10);
        int64_t v[6];
        for (size_t i = 0; i < 6; i++)
            v[i] = some_int(r);
        if (kind < 5)
            op_int(t, ints[pick(r, WT_ARRAY_LEN(ints))], chance(r, 80) ? v[0] : (int64_t)pick(r, 26));
        else if (kind < 6)
            op_float(t, floats[pick(r, WT_ARRAY_LEN(floats))], (float)some_real(r));
        else if (kind < 8)
            op_ints(t, lists[pick(r, WT_ARRAY_LEN(lists))], v, pick(r, 7));
        else {
            const size_t k = pick(r, WT_ARRAY_LEN(texts));
            op_text(t, texts[k].name, texts[k].values[pick(r, 6)]);
        }
    }
}

static wt_dtype some_type(uint64_t *r)
{
    static const wt_dtype types[] = { WT_F32,  WT_F32, WT_F32,  WT_I64,    WT_F16, WT_F64, WT_U8, WT_I8,
                                      WT_BOOL, WT_I32, WT_BF16, WT_STRING, WT_U64, WT_I4,  WT_C64 };
    return types[pick(r, WT_ARRAY_LEN(types))];
}

static bool one_case(const wt_op *op, uint64_t seed)
{
    uint64_t r = seed;
    char shape[64], other[64];
    op_test t;
    wt_err err = { .offset = WT_NO_OFFSET };
    op_begin(&t, op->code);
    const int most = op->max_in > op->min_in + 3 ? op->min_in + 3 : op->max_in;
    const size_t n_in = (size_t)op->min_in + pick(&r, (uint64_t)(most - op->min_in) + 1);
    const wt_dtype main_type = some_type(&r);
    some_shape(&r, shape, sizeof shape);
    for (size_t i = 0; i < n_in && i < OP_MAX_IN; i++) {
        if (i >= (size_t)op->min_in && chance(&r, 20)) {
            op_omit(&t);
            continue;
        }
        if (chance(&r, 60))
            some_shape(&r, other, sizeof other);
        else
            snprintf(other, sizeof other, "%s", shape);
        some_input(&t, &r,
                   i == 0 || chance(&r, 50) ? main_type
                   : chance(&r, 50)         ? WT_I64
                                            : some_type(&r),
                   i == 0 ? shape : other);
        if (chance(&r, 5) && t.in[i].shape.rank >= 2 && wt_dtype_get(t.in[i].dtype)->block_len == 1)
            op_c16(&t);
    }
    if (chance(&r, 10))
        t.out_layout = WT_C16;
    some_attrs(&t, &r);
    const size_t most_out = op->max_out > 4 ? 4 : (size_t)op->max_out,
                 least = op->min_out < 1 ? 1 : (size_t)op->min_out;
    const wt_status st = op_try(&t, least + pick(&r, most_out >= least ? most_out - least + 1 : 1), &err);
    if (st != WT_OK && (!err.message[0] || st == WT_EINTERNAL))
        fail_msg("%s, WHET_TEST_SEED=%llu: %s (%s)", op->name, (unsigned long long)seed, err.message,
                 wt_status_name(st));
    op_end(&t);
    return st == WT_OK;
}

static void whatever_comes(void **state)
{
    const char *only = getenv("WHET_TEST_SEED"), *name = getenv("WHET_TEST_OP");
    const int rounds = wt_test_long() ? 3000 : 150;
    long done = 0;
    (void)state;
    for (int code = WT_OP_UNKNOWN + 1; code < WT_OP_COUNT; code++) {
        const wt_op *op = wt_op_get((wt_opcode)code);
        if ((op->flags & WT_OP_CONTROL) || (name && strcmp(name, op->name) != 0))
            continue;
        for (int i = 0; i < rounds; i++) {
            const uint64_t seed = only ? strtoull(only, NULL, 10) : (uint64_t)code * 1000003u + (uint64_t)i;
            done += one_case(op, seed);
            if (only)
                break;
        }
    }
    if (!only && !name)
        assert_true(done > 1000); /* enough of it makes sense */
    print_message("%ld cases were computed\n", done);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(whatever_comes) };
    return wt_test_run("hostile arguments", tests, WT_ARRAY_LEN(tests));
}
