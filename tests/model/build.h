/* build.h - graphs in a few lines, for tests. Everything asserts, so that a test reads as the graph it is about. */
#ifndef WT_TEST_BUILD_H
#define WT_TEST_BUILD_H
#include "model/graph.h"
#include "support/test.h"

typedef struct builder {
    wt_context *ctx;
    wt_graph *root;
    wt_err err;
} builder;
builder *build_open(void);
void build_close(builder *b); /* closes graph and context; fails when memory was left */

/* "1x3xHx?"; letters are symbols, "" is a scalar, NULL an unknown rank. */
wt_shape build_shape(builder *b, const char *text);
wt_value *build_input(builder *b, wt_graph *g, const char *name, wt_dtype dtype, const char *shape);
/* A float constant of small numbers. */
wt_value *build_const(builder *b, wt_graph *g, const char *name, const char *shape);
wt_value *build_ints(builder *b, wt_graph *g, const char *name, size_t n, const int64_t *v);
#define INTS(b, g, name, ...)                                                                                          \
    build_ints(b, g, name, sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t), (const int64_t[]){ __VA_ARGS__ })
/* op(in...) with one output of that name; the list of inputs ends with END; NULL is an omitted input. */
extern wt_value *const END;
wt_node *build_node(builder *b, wt_graph *g, const char *op, const char *out, ...);
wt_value *build_op(builder *b, wt_graph *g, const char *op, const char *out, ...); /* its output */
void build_output(builder *b, wt_graph *g, wt_value *v);
wt_graph *build_sub(builder *b, wt_graph *parent);
void build_attr_graph(builder *b, wt_node *node, const char *name, wt_graph *sub);
void build_attr_ints(builder *b, wt_node *node, const char *name, size_t n, const int64_t *v);
void build_verify(builder *b, const wt_graph *g);
/* The value's shape as text, "float32[1x3]". */
const char *build_type(const wt_value *v, char *out, size_t size);
#define assert_type(v, text)                                                                                           \
    do {                                                                                                               \
        char type_text_[128];                                                                                          \
        assert_string_equal(build_type((v), type_text_, sizeof type_text_), (text));                                   \
    } while (0)
/* x -> Conv -> Relu -> (two branches) -> Add -> y, with an If whose branches use x and the Relu. */
wt_status build_sample(wt_graph **out, wt_context *ctx, wt_err *err);
#endif
