/* open_model.c - see open_model.h. */
#include "measure/open_model.h"

enum { NAME = 256, MOST_SHAPES = 64 };

static wt_status parse_shapes(const wt_exec_options *exec, wt_input_shape *shapes, char (*names)[NAME], wt_err *err)
{
    for (size_t i = 0; i < exec->n_input_shapes; i++) {
        const wt_status st = wt_input_shape_parse(exec->input_shapes[i], &shapes[i], names[i], NAME, err);
        if (st != WT_OK) {
            wt_err_where(err, "--input-shape %s", exec->input_shapes[i]);
            return st;
        }
    }
    return WT_OK;
}

wt_status wt_open_with_shapes(wt_model **out, wt_context *ctx, const char *path, const wt_exec_options *exec,
                              wt_err *err)
{
    wt_model_options o = wt_model_defaults();
    wt_input_shape shapes[MOST_SHAPES];
    char names[MOST_SHAPES][NAME];
    *out = NULL;
    if (exec && exec->n_input_shapes > MOST_SHAPES)
        return wt_fail(err, WT_EUSAGE, "more than %d times --input-shape", MOST_SHAPES);
    if (exec && exec->n_input_shapes) {
        WT_TRY(parse_shapes(exec, shapes, names, err));
        o.shapes = shapes;
        o.n_shapes = exec->n_input_shapes;
    }
    return wt_model_open(out, ctx, path, &o, err);
}
