/* border.c - see border.h. */
#include "measure/worker/border.h"
#include "base/json.h"
#include "run/engines/engine.h"

static json_t *shape_json(const wt_graph *g, const wt_shape *s)
{
    if (s->rank < 0)
        return json_null();
    json_t *dims = json_array();
    for (int d = 0; d < s->rank; d++)
        json_array_append_new(dims, s->dim[d] >= 0 ? json_integer(s->dim[d])
                                    : WT_DIM_IS_SYMBOL(s->dim[d])
                                        ? wt_json_text(g->root->symbols[WT_DIM_SYMBOL_INDEX(s->dim[d])])
                                        : json_string(""));
    return dims;
}

static json_t *values_json(const wt_graph *g, wt_value *const *values, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_pack("{s:o, s:s, s:o}", "name", wt_json_text(values[i]->name), "dtype",
                                              wt_dtype_name(wt_value_dtype(values[i])), "shape",
                                              shape_json(g, &values[i]->type.shape)));
    return list;
}

void wt_border_describe(const wt_graph *g, json_t *answer)
{
    json_object_set_new(answer, "inputs", values_json(g, g->inputs, g->n_inputs));
    json_object_set_new(answer, "outputs", values_json(g, g->outputs, g->n_outputs));
}

static wt_status receive_value(wt_graph *g, bool input, const json_t *o, wt_err *err)
{
    const char *name = json_string_value(json_object_get(o, "name")),
               *dtype = json_string_value(json_object_get(o, "dtype"));
    const json_t *shape = json_object_get(o, "shape");
    const char *symbols[WT_MAX_RANK] = { 0 };
    int64_t dims[WT_MAX_RANK];
    const size_t rank = json_array_size(shape);
    if (!name || !dtype || rank > WT_MAX_RANK)
        return wt_fail(err, WT_EFORMAT, "the worker's description of an input or output is wrong");
    for (size_t d = 0; d < rank; d++) {
        const json_t *dim = json_array_get(shape, d);
        symbols[d] = json_string_value(dim);
        dims[d] = json_is_integer(dim) ? json_integer_value(dim) : -1;
    }
    return wt_border_add(g, input, name, wt_dtype_from_name(dtype), json_is_array(shape) ? (int)rank : -1, dims,
                         symbols, err);
}

wt_status wt_border_receive(wt_graph **out, wt_context *ctx, const json_t *answer, wt_err *err)
{
    static const char *const keys[] = { "outputs", "inputs" };
    WT_TRY(wt_graph_new(out, ctx, err));
    for (int input = 1; input >= 0; input--) {
        const json_t *list = json_object_get(answer, keys[input]);
        for (size_t i = 0; i < json_array_size(list); i++) {
            const wt_status st = receive_value(*out, input != 0, json_array_get(list, i), err);
            if (st != WT_OK) {
                wt_graph_close(*out);
                *out = NULL;
                return st;
            }
        }
    }
    return WT_OK;
}
