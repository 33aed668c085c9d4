/* build.c - graphs in a few lines, for tests. */
#include "build.h"
#include <stdio.h>
#include <stdlib.h>
#include "model/print.h"

static wt_value end_marker;
wt_value *const END = &end_marker;

builder *build_open(void)
{
    builder *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->ctx = wt_test_context();
    wt_test_ok(wt_graph_new(&b->root, b->ctx, &b->err), &b->err);
    b->root->name = "test";
    return b;
}

void build_close(builder *b)
{
    wt_graph_close(b->root);
    wt_test_context_close(b->ctx);
    free(b);
}

wt_shape build_shape(builder *b, const char *text)
{
    wt_shape s = { .rank = text ? 0 : -1 };
    for (const char *p = text; p && *p; p++) {
        char name[2] = { *p, 0 };
        if (*p == 'x')
            continue;
        if (*p >= '0' && *p <= '9')
            s.dim[s.rank++] = strtoll(p, (char **)&p, 10), p--;
        else if (*p == '?')
            s.dim[s.rank++] = WT_DIM_ANY;
        else
            wt_test_ok(wt_graph_symbol(b->root, name, &s.dim[s.rank++], &b->err), &b->err);
    }
    return s;
}

wt_value *build_input(builder *b, wt_graph *g, const char *name, wt_dtype dtype, const char *shape)
{
    wt_value *v;
    wt_test_ok(wt_graph_add_value(&v, g, name, &b->err), &b->err);
    v->type.dtype = dtype;
    v->type.shape = build_shape(b, shape);
    wt_test_ok(wt_graph_add_input(g, v, &b->err), &b->err);
    return v;
}

wt_value *build_const(builder *b, wt_graph *g, const char *name, const char *shape)
{
    wt_value *v;
    int64_t n;
    wt_tensor t = { .dtype = WT_F32, .shape = build_shape(b, shape) };
    assert_true(wt_shape_count(&t.shape, &n) && wt_tensor_size(&t, &t.bytes));
    float *data = calloc((size_t)n + 1, sizeof *data);
    assert_non_null(data);
    for (int64_t i = 0; i < n; i++)
        data[i] = (float)(i % 7) / 4;
    t.data = data;
    wt_test_ok(wt_graph_add_constant(&v, g, name, &t, &b->err), &b->err);
    free(data);
    return v;
}

wt_value *build_ints(builder *b, wt_graph *g, const char *name, size_t n, const int64_t *v)
{
    wt_value *out;
    wt_test_ok(wt_graph_add_const_i64(&out, g, name, v, n, false, &b->err), &b->err);
    return out;
}

static wt_node *make(builder *b, wt_graph *g, const char *op, const char *out, va_list args)
{
    wt_value *in[16], *result;
    size_t n = 0;
    wt_node *node;
    for (wt_value *v; (v = va_arg(args, wt_value *)) != END;) {
        assert_true(n < WT_ARRAY_LEN(in));
        in[n++] = v;
    }
    wt_test_ok(wt_graph_add_value(&result, g, out, &b->err), &b->err);
    wt_test_ok(wt_graph_add_node(&node, g, NULL, "", op, "", in, n, &result, 1, NULL, &b->err), &b->err);
    return node;
}

wt_node *build_node(builder *b, wt_graph *g, const char *op, const char *out, ...)
{
    va_list args;
    va_start(args, out);
    wt_node *node = make(b, g, op, out, args);
    va_end(args);
    return node;
}

wt_value *build_op(builder *b, wt_graph *g, const char *op, const char *out, ...)
{
    va_list args;
    va_start(args, out);
    wt_node *node = make(b, g, op, out, args);
    va_end(args);
    return node->out[0];
}

void build_output(builder *b, wt_graph *g, wt_value *v) { wt_test_ok(wt_graph_add_output(g, v, &b->err), &b->err); }

wt_graph *build_sub(builder *b, wt_graph *parent)
{
    wt_graph *sub;
    wt_test_ok(wt_graph_new_sub(&sub, parent, &b->err), &b->err);
    return sub;
}

void build_attr_graph(builder *b, wt_node *node, const char *name, wt_graph *sub)
{
    const wt_attr a = { .name = name, .type = WT_ATTR_GRAPH, .count = 1, .v.graph = sub };
    wt_test_ok(wt_node_set_attr(node, &a, &b->err), &b->err);
}

void build_attr_ints(builder *b, wt_node *node, const char *name, size_t n, const int64_t *v)
{
    int64_t *own = wt_arena_alloc(&b->root->arena, n, sizeof *own, &b->err);
    assert_non_null(own);
    if (n)
        memcpy(own, v, n * sizeof *own);
    const wt_attr a = { .name = name, .type = WT_ATTR_INTS, .count = n, .v.ints = own };
    wt_test_ok(wt_node_set_attr(node, &a, &b->err), &b->err);
}

void build_verify(builder *b, const wt_graph *g) { wt_test_ok(wt_graph_verify(g, WT_EINTERNAL, &b->err), &b->err); }

const char *build_type(const wt_value *v, char *out, size_t size)
{
    wt_buf text;
    wt_buf_init(&text, v->graph->root->ctx);
    wt_print_type(&text, v);
    snprintf(out, size, "%s", text.data);
    wt_buf_free(&text);
    return out;
}

/* --- a sample that can fail, for running out of memory ------------------------------------------------------------ */
static wt_status node(wt_graph *g, const char *op, const char *out, wt_value *const *in, size_t n,
                      const wt_attrs *attrs, wt_value **result, wt_err *err)
{
    WT_TRY(wt_graph_add_value(result, g, out, err));
    return wt_graph_add_node(NULL, g, NULL, "", op, out, in, n, result, 1, attrs, err);
}

static wt_status branch(wt_graph **out, wt_graph *root, const char *op, wt_value *x, wt_err *err)
{
    wt_value *y;
    WT_TRY(wt_graph_new_sub(out, root, err));
    WT_TRY(node(*out, op, "branch", &x, 1, NULL, &y, err));
    return wt_graph_add_output(*out, y, err);
}

static wt_status fill_sample(wt_graph *g, wt_err *err)
{
    static const int64_t kernel[] = { 3, 3 };
    static const wt_attr conv[] = { { .name = "kernel_shape", .type = WT_ATTR_INTS, .count = 2, .v.ints = kernel } };
    const float numbers[72] = { 0.5f, -1.0f };
    const wt_tensor w = {
        .dtype = WT_F32, .data = numbers, .bytes = sizeof numbers, .shape = { .rank = 4, .dim = { 4, 2, 3, 3 } }
    };
    static const uint8_t yes = 1;
    const wt_tensor truth = { .dtype = WT_BOOL, .data = &yes, .bytes = 1, .shape = { .rank = 0 } };
    wt_value *x, *weights, *condition, *a, *r, *m, *s;
    wt_graph *then_branch, *else_branch;
    int64_t height;
    WT_TRY(wt_graph_symbol(g, "H", &height, err));
    WT_TRY(wt_graph_add_value(&x, g, "x", err));
    x->type = (wt_tensor){ .dtype = WT_F32, .shape = { .rank = 4, .dim = { 1, 2, height, 8 } } };
    WT_TRY(wt_graph_add_input(g, x, err));
    WT_TRY(wt_graph_add_constant(&weights, g, "w", &w, err));
    WT_TRY(wt_graph_add_constant(&condition, g, "condition", &truth, err));
    WT_TRY(node(g, "Conv", "a", (wt_value *[]){ x, weights }, 2, &(wt_attrs){ conv, 1 }, &a, err));
    WT_TRY(node(g, "Relu", "r", &a, 1, NULL, &r, err));
    WT_TRY(branch(&then_branch, g, "Sigmoid", r, err));
    WT_TRY(branch(&else_branch, g, "Tanh", r, err));
    const wt_attr graphs[] = { { .name = "then_branch", .type = WT_ATTR_GRAPH, .count = 1, .v.graph = then_branch },
                               { .name = "else_branch", .type = WT_ATTR_GRAPH, .count = 1, .v.graph = else_branch } };
    WT_TRY(node(g, "If", "m", &condition, 1, &(wt_attrs){ graphs, 2 }, &m, err));
    WT_TRY(node(g, "Add", "y", (wt_value *[]){ r, m }, 2, NULL, &s, err));
    return wt_graph_add_output(g, s, err);
}

wt_status build_sample(wt_graph **out, wt_context *ctx, wt_err *err)
{
    WT_TRY(wt_graph_new(out, ctx, err));
    const wt_status st = fill_sample(*out, err);
    if (st != WT_OK) {
        wt_graph_close(*out);
        *out = NULL;
    }
    return st;
}
