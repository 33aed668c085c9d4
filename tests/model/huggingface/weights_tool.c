/* Prints what a set of weights holds, for a script that knows what it should hold.
 *
 *     weights_tool show PATH              one JSON document: keys, and tensors with the hash of their finished data
 *     weights_tool export PATH FOLDER     as a Hugging Face folder
 *     weights_tool floats PATH FILE       finished tensors as float32, in one safetensors file of GGUF's names
 *     weights_tool copy PATH FILE         as one safetensors file of the same names */
#include <inttypes.h>
#include <stdio.h>
#include "base/hash.h"
#include "base/json.h"
#include "model/huggingface/huggingface.h"
#include "model/formats/safetensors/safetensors.h"

enum { FEW = 8 /* numbers shown of each tensor */ };

static json_t *value_at(const wt_meta *meta, uint64_t i)
{
    int64_t integer;
    double real;
    if (meta->type == WT_META_STRING)
        return json_stringn_nocheck(meta->strings[i].data, meta->strings[i].len);
    if (meta->type == WT_META_F32 || meta->type == WT_META_F64)
        return wt_meta_float_at(meta, i, &real) ? json_real(real) : json_null();
    return wt_meta_int_at(meta, i, &integer) ? json_integer(integer) : json_null();
}

static json_t *show_meta(const wt_meta *meta)
{
    json_t *values = json_array();
    for (uint64_t i = 0; i < meta->count; i++)
        json_array_append_new(values, value_at(meta, i));
    return json_pack("{s:s,s:b,s:o}", "type", wt_meta_type_name(meta->type), "array", meta->is_array, "values", values);
}

static wt_status show_tensor(json_t *out, wt_weights *set, const wt_weight *w, wt_err *err)
{
    wt_tensor t;
    wt_sha256 hash;
    uint8_t bytes[32];
    char hex[65];
    json_t *shape = json_array(), *values = json_array();
    double value;
    WT_TRY(wt_weight_data(set, w, &t, err));
    wt_sha256_init(&hash);
    wt_sha256_add(&hash, t.data, t.bytes);
    wt_sha256_end(&hash, bytes);
    wt_sha256_hex(bytes, hex);
    for (int i = 0; i < w->shape.rank; i++)
        json_array_append_new(shape, json_integer(w->shape.dim[i]));
    for (int64_t i = 0; i < FEW && wt_tensor_double(&t, i, &value); i++)
        json_array_append_new(values, json_real(value));
    json_object_setn_new(out, w->name.data, w->name.len,
                         json_pack("{s:s,s:o,s:s,s:b,s:o}", "dtype", wt_dtype_name(w->dtype), "shape", shape, "sha256",
                                   hex, "view", w->form == WT_FORM_AS_IS, "first", values));
    return WT_OK;
}

static wt_status show(wt_weights *set, wt_err *err)
{
    json_t *keys = json_object(), *tensors = json_object();
    wt_status st = WT_OK;
    for (size_t i = 0; i < wt_weights_meta_count(set); i++) {
        const wt_meta *meta = wt_weights_meta_at(set, i);
        json_object_setn_new(keys, meta->key.data, meta->key.len, show_meta(meta));
    }
    for (size_t i = 0; i < wt_weights_count(set) && st == WT_OK; i++)
        st = show_tensor(tensors, set, wt_weights_at(set, i), err);
    json_t *all = json_pack("{s:o,s:o}", "keys", keys, "tensors", tensors);
    if (st == WT_OK)
        json_dumpf(all, stdout, JSON_COMPACT);
    json_decref(all);
    return st;
}

static wt_status add_floats(wt_weights *view, const wt_weights *set, const wt_weight *w, wt_err *err)
{
    const void *rows = wt_rows_of_weight(view, set, w, 0, err);
    const bool vector = w->shape.rank < 2;
    const wt_weight v = { .name = w->name,
                          .dtype = WT_F32,
                          .stored = vector               ? w->stored
                                    : w->dtype == WT_F32 ? WT_DTYPE_NONE
                                                         : w->dtype,
                          .shape = w->shape,
                          .form = vector ? w->form : WT_FORM_STACK,
                          .parts = vector ? w->parts : &rows,
                          .n_parts = vector ? w->n_parts : 1,
                          .heads = w->heads,
                          .queries = w->queries,
                          .made = !vector };
    return rows ? wt_weights_add(view, &v, err) : WT_ENOMEM;
}

static wt_status floats(wt_weights *set, const char *path, wt_err *err)
{
    wt_weights *view = NULL;
    WT_TRY(wt_weights_new(&view, wt_weights_context(set), path, "safetensors", err));
    wt_status st = WT_OK;
    for (size_t i = 0; i < wt_weights_count(set) && st == WT_OK; i++)
        st = add_floats(view, set, wt_weights_at(set, i), err);
    if (st == WT_OK)
        st = wt_safetensors_write(view, path, NULL, NULL, err);
    wt_weights_close(view);
    return st;
}

static wt_status act(wt_context *ctx, char **argv, wt_err *err)
{
    wt_weights *set = NULL;
    WT_TRY(wt_weights_open(&set, ctx, argv[2], err));
    wt_status st = WT_EUSAGE;
    if (!strcmp(argv[1], "show"))
        st = show(set, err);
    else if (!strcmp(argv[1], "copy"))
        st = wt_safetensors_write(set, argv[3], NULL, NULL, err);
    else if (!strcmp(argv[1], "floats"))
        st = floats(set, argv[3], err);
    else if (!strcmp(argv[1], "export"))
        st = wt_hf_write(set, argv[3], NULL, NULL, err);
    wt_weights_close(set);
    return st;
}

int main(int argc, char **argv)
{
    wt_context *ctx = NULL;
    wt_err err = { 0 };
    if (argc < 3 || (strcmp(argv[1], "show") != 0 && argc < 4))
        return 2;
    wt_status st = wt_context_open(&ctx, NULL, &err);
    if (st == WT_OK)
        st = act(ctx, argv, &err);
    if (st != WT_OK)
        fprintf(stderr, "%s: %s\nhint: %s\n", err.where, err.message, err.hint);
    wt_context_close(ctx);
    return st == WT_OK ? 0 : 3;
}
