/* decoder_inputs.c - see decoder_inputs.h. */
#include "measure/language/decoder_inputs.h"
#include "base/hash.h"
#include "model/arch/arch.h"

bool wt_is_decoder_graph(const wt_graph *graph)
{
    for (size_t i = 0; i < graph->n_inputs; i++)
        if (graph->inputs[i]->kind == WT_STATE_VALUE)
            return true;
    return false;
}

static bool is(const wt_value *v, const char *name) { return strcmp(v->name, name) == 0; }

wt_shape wt_decoder_input_shape(const wt_value *input, int64_t tokens)
{
    const int64_t pages = (tokens + WT_KV_PAGE - 1) / WT_KV_PAGE;
    wt_shape shape = input->type.shape;
    if (input->kind == WT_STATE_VALUE) {
        shape.dim[0] = pages;
    } else if (is(input, "pages")) {
        shape.dim[0] = 1;
        shape.dim[1] = pages;
    } else {
        shape.dim[0] = is(input, "rows") ? 1 : tokens;
    }
    return shape;
}

/* Rows of the table of embeddings. */
static int64_t vocabulary(const wt_graph *graph)
{
    for (const wt_node *n = graph->first; n; n = n->next)
        if (wt_node_is(n, WT_OP_EMBEDDING) && is(n->in[0], "tokens"))
            return n->in[1]->type.shape.dim[0];
    return 1;
}

void wt_decoder_input_fill(const wt_graph *graph, const wt_value *input, wt_tensor *t, uint64_t seed)
{
    int32_t *v = wt_tensor_mut(t);
    const int64_t n = input->kind == WT_STATE_VALUE ? 0 : wt_shape_product(&t->shape, 0, t->shape.rank);
    const uint64_t vocab = (uint64_t)vocabulary(graph);
    for (int64_t i = 0; i < n; i++)
        v[i] = is(input, "tokens") ? (int32_t)(wt_random(&seed) % vocab)
               : is(input, "positions") || is(input, "slots") || is(input, "pages") ? (int32_t)i
                                                                                    : 0; /* owners; the first row */
}
