/* ov_ops_control.c - If, and the variables of stateful models.
 *
 * A variable becomes an input of kind state, named by its id, and an output "ID/next" with what Assign stores: whoever
 * runs the model hands the one's value to the other at the next step. What ReadValue would begin with is the caller's
 * to give; the graph's properties "state/ID" name the outputs. */
#include "base/str.h"
#include "ov_ops.h"

/* The value at the port of that id, among the layer's inputs. */
static wt_value *input_of_port(wt_ov_op *o, const char *id)
{
    uint64_t port = 0;
    if (wt_ov_parse_u64(id, &port))
        for (size_t i = 0; i < o->layer->n_in; i++)
            if (o->layer->in[i].id == port)
                return wt_ov_in(o, i);
    wt_ov_refuse(o, WT_EFORMAT, "a port map names input port \"%.20s\", which is not there", id ? id : "");
    return NULL;
}

static void read_branch(wt_ov_op *o, const char *map_name, const char *body_name, const char *attr)
{
    const wt_xml *map = wt_xml_child(o->layer->xml, map_name);
    wt_ov_binding *bind = NULL;
    size_t n = 0;
    uint64_t *results = NULL;
    wt_graph *body = NULL;
    for (const wt_xml *e = wt_xml_child(map, "input"); e; e = wt_xml_again(e))
        n++;
    bind = wt_arena_alloc(&o->reader->scratch, n + 1, sizeof *bind, o->err);
    results = wt_arena_alloc(&o->reader->scratch, o->layer->n_out + 1, sizeof *results, o->err);
    if (!bind || !results) {
        o->st = WT_ENOMEM;
        return;
    }
    n = 0;
    for (const wt_xml *e = wt_xml_child(map, "input"); e && o->st == WT_OK; e = wt_xml_again(e), n++) {
        bind[n].outer = input_of_port(o, wt_xml_get(e, "external_port_id"));
        if (!wt_ov_parse_u64(wt_xml_get(e, "internal_layer_id"), &bind[n].id))
            wt_ov_refuse(o, WT_EFORMAT, "a port map does not say internal_layer_id");
    }
    for (size_t k = 0; k < o->layer->n_out && o->st == WT_OK; k++) {
        bool found = false;
        for (const wt_xml *e = wt_xml_child(map, "output"); e && !found; e = wt_xml_again(e)) {
            uint64_t port = 0;
            found = wt_ov_parse_u64(wt_xml_get(e, "external_port_id"), &port) && port == o->layer->out[k].id &&
                    wt_ov_parse_u64(wt_xml_get(e, "internal_layer_id"), &results[k]);
        }
        if (!found)
            wt_ov_refuse(o, WT_EFORMAT, "<%s> does not say what output %zu is", map_name, k);
    }
    if (o->st == WT_OK)
        o->st = wt_ov_read_body(o, wt_xml_child(o->layer->xml, body_name), bind, n, results, o->layer->n_out, &body);
    if (o->st == WT_OK)
        wt_ov_set_graph(o, attr, body);
}

static void read_if(wt_ov_op *o)
{
    wt_value *condition = wt_ov_in(o, 0);
    if (o->st == WT_OK && wt_ov_rank(condition) > 0) { /* [1] is a condition, too, which the IR wants as a scalar */
        wt_ov_set_int(o, "allowzero", 0);
        condition = wt_ov_emit(o, "Reshape", condition, wt_ov_i64(o, &(int64_t){ 0 }, 0, false));
    }
    read_branch(o, "then_port_map", "then_body", "then_branch");
    read_branch(o, "else_port_map", "else_body", "else_branch");
    wt_ov_finish_n(o, "If", &condition, 1, o->layer->n_out);
}

/* --- variables -----------------------------------------------------------------------------------------------------
 */
static wt_ov_variable *find_variable(wt_ov_op *o)
{
    const char *id = wt_ov_text(o, "variable_id", NULL);
    if (!id || !id[0] || !wt_utf8_valid(id, strlen(id))) {
        wt_ov_refuse(o, WT_EFORMAT, "variable_id is missing");
        return NULL;
    }
    for (wt_ov_variable *v = o->reader->variables; v; v = v->next)
        if (!strcmp(v->id, id))
            return v;
    wt_ov_variable *v = wt_arena_alloc(&o->reader->scratch, 1, sizeof *v, o->err);
    if (!v || !(v->id = wt_arena_strdup(&o->reader->root->arena, id, o->err))) {
        o->st = WT_ENOMEM;
        return NULL;
    }
    v->next = o->reader->variables;
    o->reader->variables = v;
    return v;
}

static void read_value(wt_ov_op *o)
{
    wt_ov_variable *var = find_variable(o);
    const wt_value *init = wt_ov_in(o, 0);
    wt_shape shape = { .rank = -1 };
    const wt_dtype dtype = wt_ov_type(o, "variable_type", init ? wt_value_dtype(init) : WT_DTYPE_NONE);
    if (o->st == WT_OK && o->graph != o->reader->root)
        wt_ov_cannot(o, "a variable inside of a body");
    if (o->st == WT_OK && var->value)
        wt_ov_refuse(o, WT_EUNSUPPORTED, "variable '%.60s' is read twice", var->id);
    if (o->st == WT_OK && !wt_ov_parse_shape(wt_ov_text(o, "variable_shape", "..."), &shape))
        wt_ov_refuse(o, WT_EFORMAT, "variable_shape=\"%.60s\"", wt_ov_text(o, "variable_shape", ""));
    if (o->st == WT_OK && dtype == WT_DTYPE_NONE)
        wt_ov_cannot(o, "a variable whose element type is not said");
    if (o->st != WT_OK)
        return;
    if (shape.rank < 0)
        shape = o->layer->n_out ? o->layer->out[0].shape : shape;
    o->st = wt_graph_add_value(&var->value, o->graph, wt_graph_find(o->graph, var->id) ? NULL : var->id, o->err);
    if (o->st != WT_OK)
        return;
    var->value->type.dtype = dtype;
    var->value->type.shape = shape;
    var->value->kind = WT_STATE_VALUE;
    o->st = wt_graph_add_input(o->graph, var->value, o->err);
    wt_ov_give(o, 0, var->value);
}

static void assign(wt_ov_op *o)
{
    wt_ov_variable *var = find_variable(o);
    wt_value *x = wt_ov_in(o, 0);
    if (o->st == WT_OK && o->graph != o->reader->root)
        wt_ov_cannot(o, "a variable inside of a body");
    if (o->st == WT_OK && var->next_value)
        wt_ov_refuse(o, WT_EFORMAT, "variable '%.60s' is assigned twice", var->id);
    if (o->st != WT_OK)
        return;
    var->next_value = x;
    for (size_t k = 0; k < o->layer->n_out; k++)
        wt_ov_give(o, k, x);
}

static wt_status finish_one(wt_ov_op *o, const wt_ov_variable *var, wt_metadata *property, wt_err *err)
{
    wt_graph *g = o->reader->root;
    wt_value *own = NULL, *x = var->next_value;
    wt_node *node = NULL;
    const char *name = wt_arena_printf(&g->arena, err, "%s/next", var->id);
    property->key = wt_arena_printf(&g->arena, err, "state/%s", var->value->name);
    if (!name || !property->key)
        return WT_ENOMEM;
    WT_TRY(wt_graph_add_value(&own, g, wt_graph_find(g, name) ? NULL : name, err));
    WT_TRY(wt_graph_add_node(&node, g, NULL, "", "Identity", name, &x, 1, &own, 1, NULL, err));
    property->value = own->name;
    return wt_graph_add_output(g, own, err);
}

wt_status wt_ov_finish_states(wt_ov_op *o)
{
    wt_graph *g = o->reader->root;
    size_t n = 0;
    for (const wt_ov_variable *v = o->reader->variables; v; v = v->next)
        n++;
    if (!n)
        return WT_OK;
    g->metadata = wt_arena_alloc(&g->arena, n, sizeof *g->metadata, o->err);
    if (!g->metadata)
        return WT_ENOMEM;
    for (const wt_ov_variable *v = o->reader->variables; v; v = v->next) {
        if (v->value && v->next_value)
            WT_TRY(finish_one(o, v, &g->metadata[g->n_metadata++], o->err));
        else if (!v->value)
            return wt_fail(o->err, WT_EFORMAT, "variable '%.60s' is assigned, but never read", v->id);
    }
    return WT_OK;
}

const wt_ov_row wt_ov_rows_control[] = {
    { "If", read_if, NULL, 1 },
    { "ReadValue", read_value, NULL, 0 },
    { "Assign", assign, NULL, 1 },
    { 0 },
};
