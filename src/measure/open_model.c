/* open_model.c - see open_model.h. */
#include "measure/open_model.h"
#include "measure/open.h"

enum { MOST_SHAPES = 64 };

static wt_status parse_shapes(const wt_exec_options *exec, wt_input_shape *shapes, char (*names)[WT_INPUT_NAME],
                              wt_err *err)
{
    for (size_t i = 0; i < exec->n_input_shapes; i++)
        WT_TRY(wt_input_shape_flag(exec->input_shapes[i], &shapes[i], names[i], err));
    return WT_OK;
}

wt_status wt_open_with_shapes(wt_model **out, wt_context *ctx, const char *path, const wt_exec_options *exec,
                              wt_err *err)
{
    wt_model_options o = wt_model_defaults();
    wt_input_shape shapes[MOST_SHAPES];
    char names[MOST_SHAPES][WT_INPUT_NAME];
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
