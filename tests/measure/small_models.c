/* small_models.c - see small_models.h. */
#include "small_models.h"
#include <stdio.h>
#include <stdlib.h>
#include "model/format.h"
#include "model/tensor.h"
#include "whet/dataset.h"

static wt_err err;

static float number(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) / 8388608.0f - 1;
}

small_net small_net_make(void)
{
    small_net net = { 0 };
    uint32_t state = 7;
    for (size_t i = 0; i < WT_ARRAY_LEN(net.first); i++)
        net.first[i] = number(&state);
    for (size_t i = 0; i < WT_ARRAY_LEN(net.second); i++)
        net.second[i] = number(&state) / 4;
    return net;
}

static wt_value *value(wt_graph *g, const char *name)
{
    wt_value *v;
    wt_test_ok(wt_graph_add_value(&v, g, name, &err), &err);
    return v;
}

static wt_value *constant(wt_graph *g, const char *name, wt_dtype dtype, int rank, const int64_t *dims,
                          const void *data)
{
    wt_value *v;
    wt_tensor t = { .dtype = dtype, .shape = wt_shape_make(rank, dims), .data = data };
    assert_true(wt_tensor_size(&t, &t.bytes));
    wt_test_ok(wt_graph_add_constant(&v, g, name, &t, &err), &err);
    return v;
}

static wt_value *node(wt_graph *g, const char *op, const char *out, wt_value *a, wt_value *b, wt_value *c,
                      wt_node **made)
{
    wt_value *in[3] = { a, b, c }, *v = value(g, out);
    wt_node *n;
    wt_test_ok(wt_graph_add_node(&n, g, NULL, "", op, out, in, c ? 3 : b ? 2 : 1, &v, 1, NULL, &err), &err);
    if (made)
        *made = n;
    return v;
}

static wt_value *input(wt_graph *g, const char *name, int rank, const int64_t *dims)
{
    wt_value *x = value(g, name);
    x->type.dtype = WT_F32;
    x->type.shape = wt_shape_make(rank, dims);
    wt_test_ok(wt_graph_add_input(g, x, &err), &err);
    return x;
}

static void finish(wt_graph *g, const char *path)
{
    const wt_write_options o = { .force = true };
    wt_test_ok(wt_graph_infer(g, &err), &err);
    wt_test_ok(wt_model_write(g, path, "onnx", &o, NULL, &err), &err);
    wt_graph_close(g);
}

static wt_value *first_weights(wt_graph *g, const small_net *net)
{
    static const int64_t dims[] = { SMALL_HIDDEN, SMALL_IN, 1, 1 };
    uint16_t halves[SMALL_HIDDEN * SMALL_IN * 8] = { 0 };
    wt_node *cast;
    if (!net->half_weights)
        return constant(g, "w1", WT_F32, 4, dims, net->first);
    static const int64_t padded[] = { SMALL_HIDDEN, SMALL_IN * 8, 1, 1 }; /* large enough to be weights: 640 bytes */
    for (size_t i = 0; i < SMALL_HIDDEN * SMALL_IN; i++)
        halves[i / SMALL_IN * SMALL_IN * 8 + i % SMALL_IN] = wt_f32_to_f16(net->first[i]);
    wt_value *wide = node(g, "Cast", "w1f", constant(g, "w1", WT_F16, 4, padded, halves), NULL, NULL, &cast), *at[4];
    wt_test_ok(wt_node_set_attr_int(cast, "to", 1, &err), &err);
    const int64_t from = 0, to = SMALL_IN, axis = 1;
    wt_test_ok(wt_graph_add_const_i64(&at[0], g, "from", &from, 1, false, &err), &err);
    wt_test_ok(wt_graph_add_const_i64(&at[1], g, "to", &to, 1, false, &err), &err);
    wt_test_ok(wt_graph_add_const_i64(&at[2], g, "axis", &axis, 1, false, &err), &err);
    wt_value *in[4] = { wide, at[0], at[1], at[2] }, *cut = value(g, "w1s");
    wt_test_ok(wt_graph_add_node(NULL, g, NULL, "", "Slice", "", in, 4, &cut, 1, NULL, &err), &err);
    return cut;
}

/* h through 8 bits: scale 1/64, no zero point needed after a Relu. */
static wt_value *through_int8(wt_graph *g, wt_value *h)
{
    const float scale = 1.0f / 64;
    const uint8_t zero = 0;
    wt_value *s, *z;
    wt_test_ok(wt_graph_add_const_f32(&s, g, "h_scale", &scale, 1, true, &err), &err);
    z = constant(g, "h_zero", WT_U8, 0, NULL, &zero);
    return node(g, "DequantizeLinear", "h_real", node(g, "QuantizeLinear", "h_codes", h, s, z, NULL), s, z, NULL);
}

void small_net_write(wt_context *ctx, const small_net *net, const char *path)
{
    static const int64_t in[] = { 1, SMALL_IN, SMALL_SIDE, SMALL_SIDE }, out[] = { SMALL_OUT, SMALL_HIDDEN, 1, 1 };
    wt_graph *g;
    wt_test_ok(wt_graph_new(&g, ctx, &err), &err);
    wt_value *x = input(g, net->input ? net->input : "x", 4, in);
    wt_value *h = node(g, "Relu", "h", node(g, "Conv", "c", x, first_weights(g, net), NULL, NULL), NULL, NULL, NULL);
    if (net->qdq)
        h = through_int8(g, h);
    wt_value *y = node(g, "Conv", net->output ? net->output : "y", h, constant(g, "w2", WT_F32, 4, out, net->second),
                       NULL, NULL);
    wt_test_ok(wt_graph_add_output(g, y, &err), &err);
    finish(g, path);
}

static void save(wt_context *ctx, const char *path, const char *const *names, const wt_tensor *t, size_t n)
{
    wt_test_ok(wt_data_save_npz(ctx, path, names, t, n, 1, &err), &err);
}

void small_net_data(wt_context *ctx, const char *path, size_t n)
{
    const size_t each = SMALL_IN * SMALL_SIDE * SMALL_SIDE;
    const int64_t dims[] = { (int64_t)n, SMALL_IN, SMALL_SIDE, SMALL_SIDE };
    static const char *const names[] = { "x" };
    float *data = calloc(n * each, sizeof *data);
    uint32_t state = 99;
    assert_non_null(data);
    for (size_t i = 0; i < n * each; i++)
        data[i] = number(&state);
    wt_tensor t = { .dtype = WT_F32, .shape = wt_shape_make(4, dims), .data = data, .bytes = n * each * sizeof *data };
    save(ctx, path, names, &t, 1);
    free(data);
}

void small_linear_write(wt_context *ctx, const char *path)
{
    static const int64_t in[] = { 1, 4 }, w[] = { 4, 3 };
    static const float weights[12] = { 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0 };
    wt_graph *g;
    wt_test_ok(wt_graph_new(&g, ctx, &err), &err);
    wt_value *x = input(g, "x", 2, in);
    wt_test_ok(
        wt_graph_add_output(g, node(g, "MatMul", "y", x, constant(g, "w", WT_F32, 2, w, weights), NULL, NULL), &err),
        &err);
    finish(g, path);
}

void small_linear_data(wt_context *ctx, const char *path, size_t n, const size_t *wrong, size_t n_wrong)
{
    static const char *const names[] = { "x", "label" };
    const int64_t dims[] = { (int64_t)n, 4 };
    float *data = calloc(n * 4, sizeof *data);
    int64_t *labels = calloc(n, sizeof *labels);
    assert_true(data && labels);
    for (size_t i = 0; i < n; i++) {
        data[i * 4 + i % 3] = 1;
        data[i * 4 + 3] = (float)i; /* no two samples are the same */
        labels[i] = (int64_t)(i % 3);
    }
    for (size_t i = 0; i < n_wrong; i++)
        labels[wrong[i]] = (labels[wrong[i]] + 1) % 3;
    const wt_tensor t[2] = { { .dtype = WT_F32, .shape = wt_shape_make(2, dims), .data = data, .bytes = n * 16 },
                             { .dtype = WT_I64, .shape = wt_shape_make(1, dims), .data = labels, .bytes = n * 8 } };
    save(ctx, path, names, t, 2);
    free(data);
    free(labels);
}
