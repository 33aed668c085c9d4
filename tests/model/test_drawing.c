/* test_drawing.c - the geometry of a drawing: layers follow arrows, nothing overlaps, few crossings, and it ends. */
#include <stdlib.h>
#include "base/hash.h"
#include "model/drawing.h"
#include "support/test.h"

static wt_err err;

static wt_drawing *open_drawing(wt_context *ctx, size_t boxes, double width)
{
    wt_drawing *d = calloc(1, sizeof *d);
    assert_non_null(d);
    wt_drawing_init(d, ctx);
    for (size_t i = 0; i < boxes; i++) {
        size_t index;
        wt_test_ok(wt_drawing_box(d, width + (double)(i % 3) * 10, 20 + (double)(i % 4) * 5, &index, &err), &err);
        assert_int_equal(index, i);
    }
    return d;
}

static void arrow(wt_drawing *d, size_t from, size_t to)
{
    wt_test_ok(wt_drawing_arrow(d, from, to, from, &err), &err);
}

static int by_x(const void *a, const void *b)
{
    const wt_box *x = a, *y = b;
    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    return x->x < y->x ? -1 : x->x > y->x;
}

/* What must hold of every drawing. */
static void lay_out(wt_drawing *d)
{
    wt_test_ok(wt_drawing_layout(d, &err), &err);
    for (size_t i = 0; i < d->n_arrows; i++)
        assert_true(d->boxes[d->arrows[i].from].layer < d->boxes[d->arrows[i].to].layer);
    wt_box *sorted = calloc(d->n_boxes, sizeof *sorted);
    assert_non_null(sorted);
    for (size_t i = 0; i < d->n_boxes; i++)
        sorted[i] = d->boxes[i];
    qsort(sorted, d->n_boxes, sizeof *sorted, by_x);
    for (size_t i = 0; i < d->n_boxes; i++) {
        const wt_box *b = &sorted[i];
        assert_true(b->x - b->width / 2 >= 0 && b->x + b->width / 2 <= d->width);
        assert_true(b->layer < d->n_layers && b->height <= d->layer_height[b->layer]);
        if (i && sorted[i - 1].layer == b->layer)
            assert_true(sorted[i - 1].x + sorted[i - 1].width / 2 + d->box_gap - 1e-6 <= b->x - b->width / 2);
    }
    for (size_t k = 1; k < d->n_layers; k++)
        assert_true(d->layer_y[k] >= d->layer_y[k - 1] + d->layer_height[k - 1] + d->layer_gap - 1e-6);
    free(sorted);
}

/* Crossings of the straight arrows between neighbouring layers. */
static size_t crossings(const wt_drawing *d)
{
    size_t n = 0;
    for (size_t i = 0; i < d->n_arrows; i++)
        for (size_t k = 0; k < i; k++) {
            const wt_box *a = &d->boxes[d->arrows[i].from], *b = &d->boxes[d->arrows[i].to];
            const wt_box *p = &d->boxes[d->arrows[k].from], *q = &d->boxes[d->arrows[k].to];
            if (a->layer == p->layer && b->layer == q->layer)
                n += (a->x - p->x) * (b->x - q->x) < -1e-6;
        }
    return n;
}

static void close_drawing(wt_drawing *d)
{
    wt_drawing_free(d);
    free(d);
}

static void a_chain_is_a_line(void **state)
{
    wt_context *ctx = wt_test_context();
    wt_drawing *d = open_drawing(ctx, 200, 60);
    (void)state;
    for (size_t i = 0; i + 1 < 200; i++)
        arrow(d, i, i + 1);
    lay_out(d);
    assert_int_equal(d->n_layers, 200);
    for (size_t i = 1; i < 200; i++)
        assert_true(d->boxes[i].x - d->boxes[0].x < 1 && d->boxes[0].x - d->boxes[i].x < 1);
    close_drawing(d);
    wt_test_context_close(ctx);
}

static void trees_do_not_cross(void **state)
{
    wt_context *ctx = wt_test_context();
    (void)state;
    for (int up = 0; up < 2; up++) {
        wt_drawing *d = open_drawing(ctx, 63, 40);
        for (size_t i = 1; i < 63; i++) /* a complete binary tree, its children dealt out of order */
            if (up)
                arrow(d, 62 - i, 62 - (i - 1) / 2);
            else
                arrow(d, (i - 1) / 2, i);
        lay_out(d);
        assert_int_equal(crossings(d), 0);
        close_drawing(d);
    }
    wt_test_context_close(ctx);
}

/* What nothing leads to stands right above its first use, and so does a branch that hangs on it. */
static void side_inputs_come_down(void **state)
{
    wt_context *ctx = wt_test_context();
    wt_drawing *d = open_drawing(ctx, 14, 40);
    (void)state;
    arrow(d, 0, 1); /* 0 -> 1 hangs on 13 */
    for (size_t i = 2; i < 13; i++)
        arrow(d, i, i + 1);
    arrow(d, 1, 13);
    lay_out(d);
    assert_int_equal(d->boxes[13].layer, 11);
    assert_int_equal(d->boxes[1].layer, 10);
    assert_int_equal(d->boxes[0].layer, 9);
    close_drawing(d);
    wt_test_context_close(ctx);
}

static void long_arrows_have_way_points(void **state)
{
    wt_context *ctx = wt_test_context();
    wt_drawing *d = open_drawing(ctx, 10, 40);
    (void)state;
    for (size_t i = 0; i < 9; i++)
        arrow(d, i, i + 1);
    arrow(d, 2, 7); /* beside the chain, through layers 3 to 6 */
    lay_out(d);
    assert_int_equal(d->first_point[3] - d->first_point[2], 4);
    for (size_t k = d->first_point[2]; k < d->first_point[3]; k++) {
        const wt_box *b = &d->boxes[3 + k - d->first_point[2]];
        assert_true(d->points[k] < b->x - b->width / 2 || d->points[k] > b->x + b->width / 2);
    }
    assert_int_equal(crossings(d), 0);
    close_drawing(d);
    wt_test_context_close(ctx);
}

static void random_graphs_are_drawn(void **state)
{
    wt_context *ctx = wt_test_context();
    (void)state;
    for (uint64_t round = 1; round < 40; round++) {
        uint64_t seed = round;
        const size_t n = 1 + (size_t)(wt_random(&seed) % 120);
        wt_drawing *d = open_drawing(ctx, n, 30);
        for (size_t i = 1; i < n; i++)
            for (size_t k = (size_t)(wt_random(&seed) % 4); k; k--)
                arrow(d, (size_t)(wt_random(&seed) % i), i);
        lay_out(d);
        close_drawing(d);
    }
    wt_test_context_close(ctx);
}

/* A value used by everything behind it, far away: too many way points are given up, not computed. */
static void enormous_graphs_end(void **state)
{
    enum { N = 3000 };
    wt_context *ctx = wt_test_context();
    wt_drawing *d = open_drawing(ctx, N, 30);
    (void)state;
    for (size_t i = 1; i < N; i++) {
        arrow(d, i - 1, i);
        if (i % 2)
            arrow(d, i / 2, i);
    }
    lay_out(d);
    assert_true(d->first_point[d->n_bundles] <= 200000);
    close_drawing(d);
    d = open_drawing(ctx, 0, 0);
    lay_out(d);
    close_drawing(d);
    wt_test_context_close(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_is_a_line),       cmocka_unit_test(trees_do_not_cross),
        cmocka_unit_test(side_inputs_come_down),   cmocka_unit_test(long_arrows_have_way_points),
        cmocka_unit_test(random_graphs_are_drawn), cmocka_unit_test(enormous_graphs_end),
    };
    return wt_test_run("drawing", tests, WT_ARRAY_LEN(tests));
}
