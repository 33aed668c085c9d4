/* data.c - see data.h. */
#include "measure/data.h"
#include "base/file.h"

wt_data_options wt_data_defaults(void) { return (wt_data_options){ .size = sizeof(wt_data_options) }; }

/* The path of `name` in a folder, when there is such a file; NULL when there is none. */
static wt_status find_in(wt_context *ctx, const char *dir, const char *name, char **out, wt_err *err)
{
    char *path = wt_path_join(ctx, dir, name, err);
    if (!path)
        return WT_ENOMEM;
    if (wt_path_exists(path)) {
        *out = path;
        return WT_OK;
    }
    wt_free(ctx, path);
    return WT_OK;
}

wt_status wt_data_labels_beside(wt_context *ctx, const char *model_path, char **out, wt_err *err)
{
    *out = NULL;
    if (!model_path)
        return WT_OK;
    char *dir = wt_path_dir(ctx, model_path, err);
    const wt_status st = dir ? find_in(ctx, dir, "labels.txt", out, err) : WT_ENOMEM;
    wt_free(ctx, dir);
    return st;
}

/* preprocess.json beside the data, as data sets are often shipped. */
static wt_status preprocess_beside(wt_context *ctx, const char *set, char **out, wt_err *err)
{
    return wt_path_is_dir(set) ? find_in(ctx, set, "preprocess.json", out, err) : WT_OK;
}

/* The model's own say first, then what lies beside the data, then what the caller says (a file, or JSON itself). */
static wt_status gather_preprocess(wt_preprocess *out, const wt_graph *graph, const char *beside, const char *asked,
                                   wt_err *err)
{
    wt_preprocess over;
    const char *own = wt_graph_metadata(graph, "whet.preprocess");
    *out = wt_preprocess_defaults();
    if (own)
        WT_TRY(wt_preprocess_parse(out, own, strlen(own), "metadata whet.preprocess of the model", err));
    if (beside) {
        WT_TRY(wt_preprocess_load(&over, graph->ctx, beside, err));
        wt_preprocess_merge(out, &over);
    }
    if (asked) {
        WT_TRY(asked[0] == '{' ? wt_preprocess_parse(&over, asked, strlen(asked), "--preprocess", err)
                               : wt_preprocess_load(&over, graph->ctx, asked, err));
        wt_preprocess_merge(out, &over);
    }
    return WT_OK;
}

static wt_status open_whole(wt_dataset **out, const wt_graph *graph, const char *model_path, const wt_data_options *o,
                            wt_err *err)
{
    wt_context *ctx = graph->ctx;
    wt_dataset_options d = wt_dataset_defaults();
    wt_preprocess pp;
    wt_data_input *inputs = wt_alloc(ctx, graph->n_inputs + 1, sizeof *inputs, err);
    if (!inputs)
        return WT_ENOMEM;
    size_t n = 0;
    for (size_t i = 0; i < graph->n_inputs; i++)
        if (!graph->inputs[i]->type.data)
            inputs[n++] = (wt_data_input){ graph->inputs[i]->name, graph->inputs[i]->type.dtype,
                                           graph->inputs[i]->type.shape };
    char *found = NULL, *beside = NULL;
    wt_status st = o->labels ? WT_OK : wt_data_labels_beside(ctx, model_path, &found, err);
    if (st == WT_OK && !o->preprocess)
        st = preprocess_beside(ctx, o->path, &beside, err);
    d.inputs = inputs;
    d.n_inputs = n;
    d.labels = o->labels ? o->labels : found;
    d.preprocess = &pp;
    if (wt_graph_metadata(graph, "character"))
        d.label_kind = WT_LABEL_TEXT; /* it reads text, so "12" is a text and no class */
    if (st == WT_OK)
        st = gather_preprocess(&pp, graph, beside, o->preprocess, err);
    if (st == WT_OK)
        st = wt_dataset_open(out, ctx, o->path, &d, err);
    wt_free(ctx, found);
    wt_free(ctx, beside);
    wt_free(ctx, inputs);
    return st;
}

wt_status wt_data_view(wt_dataset **out, wt_dataset *whole, const wt_data_options *o, uint64_t seed, wt_err *err)
{
    const uint64_t limit = o->limit ? o->limit : UINT64_MAX;
    wt_dataset *part;
    *out = NULL;
    if (!o->part)
        return wt_dataset_limit(out, whole, limit, err);
    const bool calibration = !strcmp(o->part, "calibration");
    if (!calibration && strcmp(o->part, "held-out"))
        return wt_fail(err, WT_EUSAGE, "there is no part '%s': calibration or held-out were expected", o->part);
    WT_TRY(wt_dataset_split(&part, whole, calibration ? WT_PART_CALIBRATION : WT_PART_HELD_OUT, WT_CALIBRATION_SHARE,
                            seed, err));
    const wt_status st = wt_dataset_limit(out, part, limit, err);
    wt_dataset_close(part);
    return st;
}

wt_status wt_data_open(wt_dataset **out, const wt_graph *graph, const char *model_path, const wt_data_options *o,
                       wt_err *err)
{
    wt_dataset *whole;
    *out = NULL;
    if (!o->path)
        return wt_fail(err, WT_EUSAGE, "a data set is needed: --data SET");
    WT_TRY(open_whole(&whole, graph, model_path, o, err));
    const wt_status st = wt_data_view(out, whole, o, wt_context_seed(graph->ctx), err);
    wt_dataset_close(whole);
    return st;
}

wt_status wt_data_inputs(const wt_graph *graph, const wt_sample *sample, wt_tensor *inputs, wt_err *err)
{
    size_t k = 0;
    for (size_t i = 0; i < graph->n_inputs; i++) {
        const wt_value *v = graph->inputs[i];
        if (v->type.data) {
            inputs[i] = v->type;
            inputs[i].data = NULL;
            continue;
        }
        if (k >= sample->n_inputs)
            return wt_fail(err, WT_EFORMAT, "sample %s has no tensor for input '%s'", sample->source, v->name);
        inputs[i] = sample->inputs[k++];
    }
    return WT_OK;
}
