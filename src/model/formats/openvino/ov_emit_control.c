/* ov_emit_control.c - If: each branch is a body with Parameters for what it takes from outside. */
#include <inttypes.h>
#include "ov_emit.h"

typedef struct branch {
    wt_buf text; /* <layers> and <edges> */
    wt_ov_outer *outer;
    size_t n_outer;
    uint64_t *results;
} branch;

static void write_branch(wt_ov_writer *w, const char *attr, branch *b)
{
    const wt_node *node = w->node;
    const wt_graph *body = wt_node_subgraph(node, attr);
    wt_buf_init(&b->text, w->ctx);
    if (!body || body->n_outputs != node->n_out) {
        wt_ov_unable(w, "a branch that is missing");
        return;
    }
    b->results = wt_arena_alloc(w->arena, body->n_outputs + 1, sizeof *b->results, w->err);
    if (!b->results || !wt_ov_open_net(w, body)) {
        w->st = WT_ENOMEM;
        return;
    }
    wt_ov_write_graph(w, body, b->results);
    const wt_ov_out *net = w->net;
    wt_buf_puts(&b->text, "<layers>\n");
    wt_buf_add(&b->text, net->layers.data, net->layers.len);
    wt_buf_puts(&b->text, "</layers><edges>\n");
    if (net->edges.len)
        wt_buf_add(&b->text, net->edges.data, net->edges.len);
    wt_buf_puts(&b->text, "</edges>");
    b->n_outer = net->n_outer;
    b->outer = wt_arena_alloc(w->arena, b->n_outer + 1, sizeof *b->outer, w->err);
    if (b->outer && b->n_outer)
        memcpy(b->outer, net->outer, b->n_outer * sizeof *b->outer);
    if (!b->outer || net->layers.failed || net->edges.failed)
        w->st = w->st == WT_OK ? wt_fail(w->err, WT_ENOMEM, "out of memory while writing a branch") : w->st;
    wt_ov_close_net(w);
    w->node = node;
}

static void put_map(wt_buf *out, const char *name, const branch *b, size_t first_port, size_t n_in, size_t n_out)
{
    wt_buf_printf(out, "<%s>", name);
    for (size_t i = 0; i < b->n_outer; i++)
        wt_buf_printf(out, "<input external_port_id=\"%zu\" internal_layer_id=\"%" PRIu64 "\"/>", first_port + i,
                      b->outer[i].inside);
    for (size_t k = 0; k < n_out; k++)
        wt_buf_printf(out, "<output external_port_id=\"%zu\" internal_layer_id=\"%" PRIu64 "\"/>", n_in + k,
                      b->results[k]);
    wt_buf_printf(out, "</%s>", name);
}

static void put_body(wt_buf *out, const char *name, const branch *b)
{
    wt_buf_printf(out, "<%s>", name);
    wt_buf_add(out, b->text.data, b->text.len);
    wt_buf_printf(out, "</%s>\n", name);
}

static void emit_if(wt_ov_writer *w, const branch *then_b, const branch *else_b)
{
    const size_t n_in = 1 + then_b->n_outer + else_b->n_outer, n_out = w->node->n_out;
    wt_ov_ref *in = wt_arena_alloc(w->arena, n_in + 1, sizeof *in, w->err);
    wt_ov_ref *out = wt_arena_alloc(w->arena, n_out + 1, sizeof *out, w->err);
    if (!in || !out) {
        w->st = WT_ENOMEM;
        return;
    }
    in[0] = wt_ov_arg(w, 0);
    for (size_t i = 0; i < then_b->n_outer; i++)
        in[1 + i] = then_b->outer[i].outside;
    for (size_t i = 0; i < else_b->n_outer; i++)
        in[1 + then_b->n_outer + i] = else_b->outer[i].outside;
    wt_ov_layer_n(w, "If", 8, in, n_in, WT_DTYPE_NONE, out, n_out, (const wt_value *const *)w->node->out);
    wt_buf *text = &w->net->layers;
    static const char end[] = "</layer>\n";
    if (w->st != WT_OK || text->failed)
        return;
    text->len -= sizeof end - 1; /* maps and bodies stand inside of the layer */
    put_map(text, "then_port_map", then_b, 1, n_in, n_out);
    put_map(text, "else_port_map", else_b, 1 + then_b->n_outer, n_in, n_out);
    put_body(text, "then_body", then_b);
    put_body(text, "else_body", else_b);
    wt_buf_puts(text, end);
    for (size_t k = 0; k < n_out; k++)
        if (w->node->out[k])
            w->net->values[w->node->out[k]->id] = out[k];
}

static void write_if(wt_ov_writer *w)
{
    branch then_b = { 0 }, else_b = { 0 };
    for (size_t k = 0; k < w->node->n_out; k++)
        if (w->node->out[k] && w->node->out[k]->quant)
            wt_ov_unable(w, "a quantized result of a branch");
    write_branch(w, "then_branch", &then_b);
    if (w->st == WT_OK)
        write_branch(w, "else_branch", &else_b);
    if (w->st == WT_OK && (then_b.text.failed || else_b.text.failed))
        w->st = wt_fail(w->err, WT_ENOMEM, "out of memory while writing a branch");
    if (w->st == WT_OK)
        emit_if(w, &then_b, &else_b);
    wt_buf_free(&then_b.text);
    wt_buf_free(&else_b.text);
}

const wt_ov_write_row wt_ov_write_control[] = {
    { WT_OP_IF, write_if, NULL, 0 },
    { WT_OP_UNKNOWN, NULL, NULL, 0 },
};
