/* inputs.c - see inputs.h. */
#include "measure/inputs.h"
#include <stdio.h>
#include "base/hash.h"
#include "measure/data.h"
#include "measure/language/decoder_inputs.h"

/* --- shapes ---------------------------------------------------------------------------------------------------------
 */
static wt_status ask_for_shape(const wt_graph *graph, const wt_value *v, wt_err *err)
{
    char shape[96], example[96] = "";
    wt_shape_text(&v->type.shape, (const char *const *)graph->root->symbols, shape, sizeof shape);
    wt_status st = v->type.shape.rank < 0
                       ? wt_fail(err, WT_EUSAGE, "input '%s' has a shape that the model leaves open", v->name)
                       : wt_fail(err, WT_EUSAGE, "input '%s' is %s: which size is meant has to be said", v->name,
                                 shape);
    for (int d = 0; d < v->type.shape.rank; d++) {
        const size_t used = strlen(example);
        const int64_t dim = v->type.shape.dim[d];
        snprintf(example + used, sizeof example - used, "%s%lld", d ? "x" : "",
                 dim >= 0 ? (long long)dim
                 : d      ? 64LL
                          : 1LL);
    }
    wt_err_hint(err, "--input-shape %s=%s, or --data with samples of that size", v->name,
                example[0] ? example : "1x3x224x224");
    return st;
}

wt_status wt_input_settle(const wt_graph *graph, size_t index, int batch, wt_shape *out, wt_err *err)
{
    const wt_value *v = graph->inputs[index];
    *out = v->type.shape;
    if (wt_is_decoder_graph(graph)) {
        *out = wt_decoder_input_shape(v, batch > 0 ? batch : 1);
        return WT_OK;
    }
    if (out->rank < 0)
        return ask_for_shape(graph, v, err);
    if (out->rank > 0 && batch > 0 && out->dim[0] >= 0 && out->dim[0] != batch)
        return wt_fail(err, WT_EUSAGE, "--batch %d: the model fixes the first dimension of input '%s' to %lld", batch,
                       v->name, (long long)out->dim[0]);
    if (out->rank > 0 && out->dim[0] < 0)
        out->dim[0] = batch > 0 ? batch : 1;
    return wt_shape_known(out) ? WT_OK : ask_for_shape(graph, v, err);
}

/* --- random
 * ----------------------------------------------------------------------------------------------------------- */
static void fill_bytes(uint8_t *p, size_t n, uint64_t *state)
{
    for (size_t i = 0; i < n; i += 8) {
        const uint64_t r = wt_random(state);
        memcpy(p + i, &r, n - i < 8 ? n - i : 8);
    }
}

static wt_status fill_floats(wt_tensor *t, size_t n, uint64_t *state, wt_err *err)
{
    uint8_t *p = wt_tensor_mut(t);
    const size_t step = wt_dtype_get(t->dtype)->block_bytes;
    for (size_t i = 0; i < n; i++) {
        const float x = (float)(wt_random(state) >> 40) * 0x1p-24f;
        WT_TRY(wt_convert(&x, WT_F32, p + i * step, t->dtype, 1, true, err));
    }
    return WT_OK;
}

static wt_status fill(wt_tensor *t, uint64_t *state, wt_err *err)
{
    int64_t count;
    if (!wt_shape_count(&t->shape, &count))
        return wt_fail(err, WT_EUSAGE, "the shape is too large");
    const size_t n = (size_t)count, unit = wt_dtype_get(t->dtype)->block_bytes;
    uint8_t *p = wt_tensor_mut(t);
    if (t->dtype == WT_F32) { /* by far the most frequent */
        float *x = wt_tensor_mut(t);
        for (size_t i = 0; i < n; i++)
            x[i] = (float)(wt_random(state) >> 40) * 0x1p-24f;
    } else if (wt_dtype_is_float(t->dtype)) {
        return fill_floats(t, n, state, err);
    } else if (t->dtype == WT_U8 || t->dtype == WT_I8 || wt_dtype_get(t->dtype)->block_len > 1) {
        fill_bytes(p, t->bytes, state);
    } else if (t->dtype != WT_STRING) {
        for (size_t i = 0; i < n; i++)
            p[i * unit] = (uint8_t)(wt_random(state) >> 63); /* little endian: the low byte of an integer */
    }
    return WT_OK;
}

static wt_status room(wt_inputs *in, const wt_graph *graph, wt_err *err)
{
    *in = (wt_inputs){ .ctx = graph->ctx, .n = graph->n_inputs };
    in->tensors = wt_alloc(in->ctx, in->n + 1, sizeof *in->tensors, err);
    in->owned = in->tensors ? wt_alloc(in->ctx, in->n + 1, sizeof *in->owned, err) : NULL;
    return in->owned ? WT_OK : WT_ENOMEM;
}

static wt_status random_input(wt_inputs *in, const wt_graph *graph, size_t i, int batch, uint64_t seed, wt_err *err)
{
    const wt_value *v = graph->inputs[i];
    in->tensors[i] = v->type;
    in->tensors[i].data = NULL;
    if (v->type.data)
        return WT_OK;
    const bool decoder = wt_is_decoder_graph(graph);
    if ((v->kind != WT_TENSOR_VALUE && !decoder) || v->type.dtype == WT_DTYPE_NONE)
        return wt_fail(err, WT_EUNSUPPORTED, "input '%s' is no tensor of a known type", v->name);
    wt_shape shape;
    WT_TRY(wt_input_settle(graph, i, batch, &shape, err));
    WT_TRY(wt_tensor_new(&in->owned[i], in->ctx, v->type.dtype, &shape, err));
    in->tensors[i] = *in->owned[i];
    uint64_t state = wt_hash64(v->name, strlen(v->name), seed);
    if (decoder) {
        wt_decoder_input_fill(graph, v, &in->tensors[i], state);
        return WT_OK;
    }
    return fill(&in->tensors[i], &state, err);
}

wt_status wt_inputs_random(wt_inputs *out, const wt_graph *graph, int batch, uint64_t seed, wt_err *err)
{
    wt_status st = room(out, graph, err);
    for (size_t i = 0; st == WT_OK && i < graph->n_inputs; i++)
        st = random_input(out, graph, i, batch, seed, err);
    if (st != WT_OK)
        wt_inputs_free(out);
    return st;
}

void wt_inputs_free(wt_inputs *in)
{
    for (size_t i = 0; in->owned && i < in->n; i++)
        wt_free(in->ctx, in->owned[i]);
    if (in->ctx) {
        wt_free(in->ctx, in->owned);
        wt_free(in->ctx, in->tensors);
    }
    *in = (wt_inputs){ 0 };
}

/* --- from a data set
 * -------------------------------------------------------------------------------------------------- */
static wt_status clone_sample(wt_inputs *out, const wt_graph *graph, const wt_sample *sample, wt_err *err)
{
    WT_TRY(room(out, graph, err));
    WT_TRY(wt_data_inputs(graph, sample, out->tensors, err));
    for (size_t i = 0; i < out->n; i++) {
        if (!out->tensors[i].data)
            continue;
        WT_TRY(wt_tensor_clone(&out->owned[i], out->ctx, &out->tensors[i], err));
        out->tensors[i] = *out->owned[i];
    }
    return WT_OK;
}

static bool same_shapes(const wt_inputs *a, const wt_inputs *b)
{
    for (size_t i = 0; i < a->n; i++)
        if (!wt_shape_equal(&a->tensors[i].shape, &b->tensors[i].shape))
            return false;
    return true;
}

static wt_status read_samples(wt_inputs *out, size_t most, size_t *n, const wt_graph *graph, wt_dataset *ds,
                              wt_sample *sample, wt_err *err)
{
    const size_t looked_at = most * 8; /* sets of many sizes: enough of one are found or not */
    for (size_t k = 0; k < looked_at && *n < most; k++) {
        int more = 0;
        WT_TRY(wt_dataset_next(ds, sample, &more, err));
        if (!more)
            break;
        const wt_status st = clone_sample(&out[*n], graph, sample, err);
        if (st != WT_OK) {
            wt_inputs_free(&out[*n]);
            return st;
        }
        if (*n && !same_shapes(&out[0], &out[*n]))
            wt_inputs_free(&out[*n]);
        else
            (*n)++;
    }
    return *n ? WT_OK : wt_fail(err, WT_EFORMAT, "the data set has no samples");
}

wt_status wt_inputs_from_data(wt_inputs *out, size_t most, size_t *n, const wt_graph *graph, const char *model_path,
                              const char *data, wt_err *err)
{
    wt_data_options o = wt_data_defaults();
    wt_dataset *ds = NULL;
    wt_sample *sample = NULL;
    *n = 0;
    o.path = data;
    wt_status st = wt_data_open(&ds, graph, model_path, &o, err);
    if (st == WT_OK)
        st = wt_sample_open(&sample, graph->ctx, err);
    if (st == WT_OK)
        st = read_samples(out, most, n, graph, ds, sample, err);
    wt_sample_close(sample);
    wt_dataset_close(ds);
    for (size_t i = 0; st != WT_OK && i < *n; i++)
        wt_inputs_free(&out[i]);
    if (st != WT_OK)
        *n = 0;
    return st;
}
