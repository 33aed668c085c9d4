/* assess_verb.c - what a model is: everything that can be said without running it. */
#include <stdio.h>
#include "base/json.h"
#include "base/str.h"
#include "model/weights.h"
#include "measure/assess_weights.h"
#include "measure/native_fit.h"
#include "measure/open_model.h"

enum { MOST_METADATA = 2000 /* bytes of one value shown; character tables are longer */, MOST_SHAPES = 32 };

/* Names out of a file may be no UTF-8: then they are shown without what is not. */
static json_t *text_json(const char *s, size_t most)
{
    const size_t len = strlen(s) < most ? strlen(s) : most;
    char clean[MOST_METADATA + 1];
    size_t n = 0;
    for (size_t i = 0; i < len && n < sizeof clean - 4;) {
        size_t k = 4;
        while (k && (k > len - i || !wt_utf8_valid(s + i, k)))
            k--;
        if (k)
            memcpy(clean + n, s + i, k);
        else
            clean[n] = '?';
        n += k ? k : 1;
        i += k ? k : 1;
    }
    return json_stringn(clean, n);
}

static json_t *value_json(const wt_model *m, const char *name, const wt_tensor *t)
{
    char text[160];
    json_t *dims = json_array();
    for (int d = 0; d < t->shape.rank; d++) {
        const wt_shape one = { .rank = 1, .dim = { t->shape.dim[d] } };
        if (t->shape.dim[d] >= 0)
            json_array_append_new(dims, json_integer(t->shape.dim[d]));
        else if (t->shape.dim[d] == WT_DIM_ANY)
            json_array_append_new(dims, json_null());
        else
            json_array_append_new(dims, text_json(wt_model_shape_text(m, &one, text, sizeof text), 64));
    }
    return json_pack("{s:o, s:s, s:o, s:o}", "name", text_json(name, 256), "dtype", wt_dtype_name(t->dtype), "shape",
                     t->shape.rank < 0 ? (json_decref(dims), json_null()) : dims, "text_shape",
                     text_json(wt_model_shape_text(m, &t->shape, text, sizeof text), 160));
}

static void add_values(json_t *o, const wt_model *m)
{
    json_t *inputs = json_array(), *outputs = json_array();
    wt_tensor type;
    for (size_t i = 0; i < wt_model_input_count(m); i++) {
        const char *name = wt_model_input(m, i, &type);
        json_array_append_new(inputs, value_json(m, name, &type));
    }
    for (size_t i = 0; i < wt_model_output_count(m); i++) {
        const char *name = wt_model_output(m, i, &type);
        json_array_append_new(outputs, value_json(m, name, &type));
    }
    json_object_set_new(o, "inputs", inputs);
    json_object_set_new(o, "outputs", outputs);
}

static void add_operators(json_t *o, const wt_model *m)
{
    json_t *ops = json_object(), *list = json_array();
    wt_model_op op;
    char key[256];
    for (size_t i = 0; wt_model_op_at(m, i, &op); i++) {
        snprintf(key, sizeof key, "%s%s%s", op.domain, op.domain[0] ? ":" : "", op.op);
        if (wt_utf8_valid(key, strlen(key)))
            json_object_set_new(ops, key, json_integer((json_int_t)op.count));
        json_array_append_new(list, json_pack("{s:o, s:o, s:I, s:I, s:b}", "op", text_json(op.op, 128), "domain",
                                              text_json(op.domain, 128), "count", (json_int_t)op.count, "macs",
                                              (json_int_t)op.macs, "known", op.known));
    }
    json_object_set_new(o, "ops", ops);
    json_object_set_new(o, "operators", list);
}

static void add_dtypes(json_t *o, const wt_model *m)
{
    json_t *list = json_array(), *bytes = json_object();
    wt_model_dtype d;
    for (size_t i = 0; wt_model_dtype_at(m, i, &d); i++) {
        json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I}", "dtype", wt_dtype_name(d.dtype), "tensors",
                                              (json_int_t)d.tensors, "elements", (json_int_t)d.elements, "bytes",
                                              (json_int_t)d.bytes));
        json_object_set_new(bytes, wt_dtype_name(d.dtype), json_integer((json_int_t)d.bytes));
    }
    json_object_set_new(o, "bytes_by_dtype", bytes);
    json_object_set_new(o, "dtypes", list);
}

static void add_facts(json_t *o, const wt_model *m, const wt_model_info *info)
{
    json_t *opsets = json_array(), *metadata = json_array();
    const char *domain, *key, *value;
    int64_t version;
    for (size_t i = 0; wt_model_opset(m, i, &domain, &version); i++)
        json_array_append_new(
            opsets, json_pack("{s:o, s:I}", "domain", text_json(domain, 128), "version", (json_int_t)version));
    for (size_t i = 0; wt_model_metadata(m, i, &key, &value); i++)
        json_array_append_new(metadata,
                              json_pack("{s:o, s:o, s:I}", "key", text_json(key, 256), "value",
                                        text_json(value, MOST_METADATA - 8), "bytes", (json_int_t)strlen(value)));
    json_object_set_new(o, "producer", text_json(info->producer, 256));
    json_object_set_new(o, "name", text_json(info->name, 256));
    json_object_set_new(o, "ir_version", json_integer(info->ir_version));
    json_object_set_new(o, "opset", opsets);
    json_object_set_new(o, "metadata", metadata);
}

/* Work and memory are of one run with batch 1, where the model leaves the batch open: a second look at the same file,
 * for what the inputs are must be told as it is. NULL where that is not possible; then they are of what is known. */
static wt_model *with_batch_one(const wt_model *m, const char *path, const wt_exec_options *exec)
{
    wt_exec_options o = exec ? *exec : wt_exec_defaults();
    const char *shapes[MOST_SHAPES];
    char texts[MOST_SHAPES][512];
    size_t n = 0;
    wt_model *out = NULL;
    for (; n < o.n_input_shapes && n < MOST_SHAPES; n++)
        shapes[n] = o.input_shapes[n];
    const size_t said = n;
    for (size_t i = 0; i < wt_model_input_count(m) && n < MOST_SHAPES; i++) {
        wt_tensor t;
        const char *name = wt_model_input(m, i, &t);
        if (t.shape.rank < 1 || t.shape.dim[0] >= 0)
            continue;
        int used = snprintf(texts[n], sizeof texts[n], "%s=1", name);
        for (int d = 1; d < t.shape.rank && used < (int)sizeof texts[n] - 24; d++)
            used += t.shape.dim[d] >= 0
                        ? snprintf(texts[n] + used, sizeof texts[n] - (size_t)used, "x%lld", (long long)t.shape.dim[d])
                        : snprintf(texts[n] + used, sizeof texts[n] - (size_t)used, "x?");
        shapes[n] = texts[n];
        n++;
    }
    o.input_shapes = shapes;
    o.n_input_shapes = n;
    if (n > said && wt_open_with_shapes(&out, wt_model_context(m), path, &o, NULL) != WT_OK)
        out = NULL;
    return out;
}

static void add_numbers(json_t *o, const wt_model_info *info)
{
    const struct {
        const char *key;
        uint64_t value;
    } rows[] = {
        { "size_bytes", info->file_bytes },
        { "parameters", info->parameters },
        { "weights_bytes", info->constant_bytes },
        { "nodes", info->nodes },
        { "subgraphs", info->subgraphs },
        { "unknown_ops", info->unknown_ops },
        { "macs", info->macs },
        { "macs_unknown", info->macs_unknown },
        { "activation_peak_bytes", info->activation_peak_bytes },
        { "activation_unknown", info->activation_unknown },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++)
        json_object_set_new(o, rows[i].key, json_integer((json_int_t)rows[i].value));
}

/* --- who can run it
 * ---------------------------------------------------------------------------------------------------------- */
static json_t *framework_json(const wt_model *m, size_t index, const wt_framework *f)
{
    static const char *const fits[] = { "runs", "converts", "no" };
    json_t *list = json_array();
    wt_obstacle b;
    for (size_t k = 0; wt_model_obstacle_at(m, index, k, &b); k++)
        json_array_append_new(list, json_pack("{s:o, s:o, s:I, s:o}", "op", text_json(b.op, 128), "domain",
                                              text_json(b.domain, 128), "count", (json_int_t)b.count, "reason",
                                              text_json(b.reason, 256)));
    return json_pack("{s:s, s:s, s:s, s:o}", "fit", fits[f->fit], "checked", "table", "version", f->version,
                     "obstacles", list);
}

static wt_status add_engines(json_t *o, wt_model *m, const wt_exec_options *exec, wt_err *err)
{
    json_t *engines = json_object(), *native;
    wt_framework f;
    json_object_set_new(o, "engines", engines);
    WT_TRY(wt_native_fit(&native, m, exec, err));
    json_object_set_new(engines, "native", native);
    for (size_t i = 0; wt_model_framework_at(m, i, &f); i++)
        json_object_set_new(engines, f.name, framework_json(m, i, &f));
    return WT_OK;
}

static wt_status assess(json_t *o, wt_model *m, const wt_model *sized, const wt_exec_options *exec, wt_err *err)
{
    wt_model_info info;
    WT_TRY(wt_model_describe(sized ? sized : m, &info, err));
    json_object_set_new(o, "schema", json_string("whet.assess/1"));
    json_object_set_new(o, "model", text_json(info.path, 1024));
    json_object_set_new(o, "format", json_string(info.format));
    add_facts(o, m, &info);
    add_numbers(o, &info);
    add_dtypes(o, m);
    add_operators(o, sized ? sized : m);
    json_object_set_new(o, "batch", json_integer(1));
    add_values(o, m);
    if (wt_weights_sniff(info.path))
        WT_TRY(wt_assess_weights(o, wt_model_context(m), info.path, exec, err));
    return add_engines(o, m, exec, err);
}

wt_status wt_assess(wt_result **out, wt_context *ctx, const char *path, const wt_exec_options *exec, wt_err *err)
{
    wt_model *m;
    *out = NULL;
    WT_TRY(wt_open_with_shapes(&m, ctx, path, exec, err));
    json_t *o = json_object();
    wt_model *sized = with_batch_one(m, path, exec);
    wt_status st = o ? assess(o, m, sized, exec, err) : wt_fail(err, WT_ENOMEM, "no memory for the result");
    wt_model_close(sized);
    wt_model_close(m);
    if (st == WT_OK)
        return wt_result_take(out, ctx, o, err);
    json_decref(o);
    return st;
}
