#include "onnx_make.h"
#include <stdlib.h>

enum { MOST = 4096 };
static mk *made[MOST]; /* freed by mk_free_all */
static size_t n_made;

mk *mk_new(void)
{
    assert_true(n_made < MOST);
    mk *m = calloc(1, sizeof *m);
    assert_non_null(m);
    return made[n_made++] = m;
}

void mk_free_all_but(size_t keep)
{
    while (n_made > keep)
        free(made[--n_made]);
}

void mk_free_all(void) { mk_free_all_but(0); }

void mk_bytes(mk *m, const void *data, size_t len)
{
    assert_true(len <= MK_SIZE - m->len);
    if (len)
        memcpy(m->data + m->len, data, len);
    m->len += len;
}

void mk_varint(mk *m, uint64_t v)
{
    uint8_t bytes[10];
    size_t n = 0;
    for (; v > 127; v >>= 7)
        bytes[n++] = (uint8_t)(v | 128);
    bytes[n++] = (uint8_t)v;
    mk_bytes(m, bytes, n);
}

void mk_int(mk *m, uint32_t field, int64_t v)
{
    mk_varint(m, field << 3);
    mk_varint(m, (uint64_t)v);
}

void mk_float(mk *m, uint32_t field, float v)
{
    mk_varint(m, field << 3 | 5);
    mk_bytes(m, &v, 4);
}

void mk_data(mk *m, uint32_t field, const void *data, size_t len)
{
    mk_varint(m, field << 3 | 2);
    mk_varint(m, len);
    mk_bytes(m, data, len);
}

void mk_text(mk *m, uint32_t field, const char *text) { mk_data(m, field, text, strlen(text)); }
void mk_msg(mk *m, uint32_t field, const mk *sub) { mk_data(m, field, sub->data, sub->len); }

mk *mk_tensor(const char *name, int type, int rank, const int64_t *dims, const void *data, size_t bytes)
{
    mk *t = mk_new();
    for (int i = 0; i < rank; i++)
        mk_int(t, 1, dims[i]);
    mk_int(t, 2, type);
    if (name)
        mk_text(t, 8, name);
    if (data)
        mk_data(t, 9, data, bytes);
    return t;
}

mk *mk_info(const char *name, int type, int rank, const int64_t *dims)
{
    mk *info = mk_new(), *proto = mk_new(), *tensor = mk_new(), *shape = mk_new();
    for (int i = 0; i < rank; i++) {
        mk *dim = mk_new();
        if (dims[i] >= 0)
            mk_int(dim, 1, dims[i]);
        else if (dims[i] < -1)
            mk_text(dim, 2, "batch");
        mk_msg(shape, 1, dim);
    }
    mk_int(tensor, 1, type);
    if (rank >= 0)
        mk_msg(tensor, 2, shape);
    mk_msg(proto, 1, tensor);
    mk_text(info, 1, name);
    mk_msg(info, 2, proto);
    return info;
}

static void names(mk *node, uint32_t field, const char *list)
{
    if (!list)
        return;
    for (;;) {
        const size_t n = strcspn(list, ",");
        mk_data(node, field, list, n);
        if (!list[n])
            return;
        list += n + 1;
    }
}

mk *mk_node(const char *domain, const char *op, const char *inputs, const char *outputs)
{
    mk *node = mk_new();
    names(node, 1, inputs);
    names(node, 2, outputs);
    if (op)
        mk_text(node, 4, op);
    if (domain)
        mk_text(node, 7, domain);
    return node;
}

mk *mk_attr_int(const char *name, int64_t v)
{
    mk *a = mk_new();
    mk_text(a, 1, name);
    mk_int(a, 3, v);
    mk_int(a, 20, 2);
    return a;
}

mk *mk_attr_ints(const char *name, const int64_t *v, size_t n)
{
    mk *a = mk_new();
    mk_text(a, 1, name);
    for (size_t i = 0; i < n; i++)
        mk_int(a, 8, v[i]);
    mk_int(a, 20, 7);
    return a;
}

mk *mk_attr_msg(const char *name, int type, uint32_t field, const mk *value)
{
    mk *a = mk_new();
    mk_text(a, 1, name);
    mk_msg(a, field, value);
    mk_int(a, 20, type);
    return a;
}

mk *mk_model(int64_t ir, int64_t opset, const mk *graph)
{
    mk *model = mk_new(), *import = mk_new();
    mk_int(model, 1, ir);
    mk_text(model, 2, "hand");
    if (graph)
        mk_msg(model, 7, graph);
    mk_text(import, 1, "");
    mk_int(import, 2, opset);
    mk_msg(model, 8, import);
    return model;
}

mk *mk_graph(void)
{
    static const int64_t dims[] = { 2, 3 };
    mk *graph = mk_new();
    mk_text(graph, 2, "g");
    mk_msg(graph, 11, mk_info("x", 1, 2, dims));
    mk_msg(graph, 12, mk_info("y", 1, -1, NULL));
    return graph;
}

static mk *branch(const char *op, const char *out)
{
    mk *g = mk_new();
    mk_msg(g, 1, mk_node(NULL, op, "h", out));
    mk_text(g, 2, "branch");
    mk_msg(g, 12, mk_info(out, 1, -1, NULL));
    return g;
}

static mk *function(void)
{
    mk *f = mk_new(), *import = mk_new(), *node = mk_node(NULL, "LeakyRelu", "a", "b"), *ref = mk_new();
    mk_text(ref, 1, "alpha");
    mk_text(ref, 21, "slope");
    mk_int(ref, 20, 1);
    mk_msg(node, 5, ref);
    mk_text(f, 1, "leak");
    mk_text(f, 4, "a");
    mk_text(f, 5, "b");
    mk_text(f, 6, "slope");
    mk_msg(f, 7, node);
    mk_int(import, 2, 13);
    mk_msg(f, 9, import);
    mk_text(f, 10, "local");
    return f;
}

mk *mk_everything(void)
{
    static const float w[6] = { 1, 2, 3, 4, 5, 6 };
    static const int64_t dims[] = { 2, 3 }, batch[] = { -2, 3 }, one[] = { 1 }, three[] = { 3 }, at[] = { 1, 5, 9 },
                         wide[] = { 3, 4 };
    static const uint8_t yes = 1;
    mk *g = mk_new(), *node = mk_node("local", "leak", "s", "h"), *slope = mk_new(), *sparse = mk_new(),
       *strings = mk_new();
    mk_text(slope, 1, "slope");
    mk_float(slope, 2, 0.5f);
    mk_msg(node, 5, slope);
    mk_msg(g, 1, mk_node(NULL, "Add", "x,w", "s"));
    mk_msg(g, 1, node);
    node = mk_node(NULL, "If", "yes", "c");
    mk_msg(node, 5, mk_attr_msg("then_branch", 5, 6, branch("Relu", "t")));
    mk_msg(node, 5, mk_attr_msg("else_branch", 5, 6, branch("Neg", "t")));
    mk_msg(g, 1, node);
    node = mk_node(NULL, "Unsqueeze", "c", "u");
    mk_msg(node, 5, mk_attr_ints("axes", one, 1));
    mk_msg(g, 1, node);
    node = mk_node(NULL, "Constant", NULL, "k");
    mk_msg(node, 5, mk_attr_msg("value", 4, 5, mk_tensor(NULL, 1, 1, one, w, 4)));
    mk_msg(g, 1, node);
    mk_msg(g, 1, mk_node(NULL, "Mul", "u,k", "y"));
    mk_msg(g, 1, mk_node("custom", "Odd", "y,,lost", "odd,"));
    mk_text(g, 2, "everything");
    mk_msg(g, 5, mk_tensor("w", 1, 2, dims, w, sizeof w));
    mk_msg(g, 5, mk_tensor("yes", 9, 0, NULL, &yes, 1));
    mk_int(strings, 1, 1);
    mk_int(strings, 2, 8);
    mk_text(strings, 6, "text");
    mk_text(strings, 8, "words");
    mk_msg(g, 5, strings);
    mk_msg(sparse, 1, mk_tensor("lost", 1, 1, three, w, 12));
    mk_msg(sparse, 2, mk_tensor(NULL, 7, 1, three, at, sizeof at));
    mk_int(sparse, 3, wide[0]);
    mk_int(sparse, 3, wide[1]);
    mk_msg(g, 15, sparse);
    mk_msg(g, 11, mk_info("x", 1, 2, batch));
    mk_msg(g, 12, mk_info("y", 1, -1, NULL));
    mk_msg(g, 12, mk_info("odd", 1, 0, NULL));
    mk_msg(g, 13, mk_info("s", 1, 2, batch));
    mk *model = mk_model(8, 12, g), *entry = mk_new(), *import = mk_new(), *local = mk_new();
    mk_text(entry, 1, "labels");
    mk_text(entry, 2, "a,b");
    mk_msg(model, 14, entry);
    mk_msg(model, 25, function());
    mk_text(import, 1, "custom");
    mk_int(import, 2, 3);
    mk_msg(model, 8, import);
    mk_text(local, 1, "local");
    mk_int(local, 2, 1);
    mk_msg(model, 8, local);
    return model;
}
