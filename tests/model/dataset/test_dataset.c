/* Data sets in every form: listed, labelled, ordered by content, split without overlap, and refused when they are
 * wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "data_files.h"
#include "model/dataset/npz.h"

static wt_context *ctx;
static wt_dataset *ds;
static wt_sample *sample;
static wt_dataset_info info;
static wt_err err;
static const char *root;
static char logged[4096];
static const int64_t image_dims[4] = { 1, 3, 4, 4 };

static void keep_log(void *user, wt_log_level level, const char *line)
{
    (void)user, (void)level;
    const size_t len = strlen(logged);
    snprintf(logged + len, sizeof logged - len, "%s\n", line);
}

static int set_up(void **state)
{
    (void)state;
    wt_context_options o = wt_context_defaults();
    o.log = keep_log;
    o.threads = 2;
    memset(&err, 0, sizeof err);
    logged[0] = 0;
    wt_test_ok(wt_context_open(&ctx, &o, &err), &err);
    wt_test_ok(wt_sample_open(&sample, ctx, &err), &err);
    root = wt_test_tmpdir();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    wt_sample_close(sample);
    wt_dataset_close(ds);
    ds = NULL;
    wt_test_context_close(ctx);
    return 0;
}

static void open_images(const char *path, const char *labels)
{
    wt_dataset_close(ds);
    wt_test_ok(wt_open_for(&ds, ctx, path, 4, image_dims, NULL, labels, &err), &err);
    wt_dataset_describe(ds, &info);
}

static void refused(const char *path, const char *labels, wt_status code, const char *part)
{
    wt_dataset *none = (wt_dataset *)(uintptr_t)1;
    wt_test_refused(wt_open_for(&none, ctx, path, 4, image_dims, NULL, labels, &err), code, &err, part);
    assert_null(none);
}

/* Reads all; count[label + 1] goes up for each. Answers how many there were. */
static size_t read_all(size_t count[16])
{
    int more = 1;
    size_t n = 0;
    memset(count, 0, 16 * sizeof *count);
    wt_dataset_rewind(ds);
    for (;; n++) {
        wt_test_ok(wt_dataset_next(ds, sample, &more, &err), &err);
        if (!more)
            return n;
        const int64_t label = sample->label.kind == WT_LABEL_CLASS ? sample->label.index : -1;
        assert_true(label < 15);
        count[label + 1]++;
    }
}

static const char *path_of(const char *name) { return wt_test_path(root, name); }

static void make_folder(const char *name) { assert_int_equal(mkdir(path_of(name), 0777), 0); }

static void put_pictures(const char *format, int first, int n)
{
    for (int i = first; i < first + n; i++) {
        char name[64];
        snprintf(name, sizeof name, format, i);
        wt_put_picture(path_of(name), 6, 5, 3, i);
    }
}

/* --- class folders
 * ------------------------------------------------------------------------------------------------------------ */

static void class_folders(void **state)
{
    (void)state;
    size_t count[16];
    make_folder("9");
    make_folder("10");
    make_folder("empty");
    put_pictures("9/%d.png", 0, 3);
    put_pictures("10/%d.png", 10, 2);
    wt_put_text(path_of("9/notes.txt"), "not a sample");
    wt_put_text(path_of("9/.hidden"), "");
    open_images(root, NULL);
    assert_string_equal(info.form, "class-folders");
    assert_true(info.samples == 5 && info.labelled == 5 && info.unique == 5 && info.classes == 2 &&
                info.classes_seen == 2);
    assert_int_equal(info.ignored, 1);
    assert_string_equal(wt_dataset_class_name(ds, 0), "9"); /* numbers by value */
    assert_string_equal(wt_dataset_class_name(ds, 1), "10");
    assert_null(wt_dataset_class_name(ds, 2));
    assert_int_equal(read_all(count), 5);
    assert_true(count[1] == 3 && count[2] == 2);
    assert_true(sample->n_inputs == 1 && sample->inputs[0].shape.dim[3] == 4 && !strcmp(sample->names[0], "x"));
    assert_non_null(strstr(wt_dataset_applied(ds), "\"size\":[4,4]"));

    const char *labels = path_of("order.list");
    wt_put_text(labels, "\xef\xbb\xbf"
                        "10\r\n9\r\nnever\n\n");
    open_images(root, labels);
    assert_true(info.classes == 3 && info.classes_seen == 2);
    read_all(count);
    assert_true(count[1] == 2 && count[2] == 3);
    wt_put_text(labels, "10\nother\n");
    refused(root, labels, WT_EFORMAT, "9 is no class");
    wt_put_text(labels, "10\n9\n9\n");
    refused(root, labels, WT_EFORMAT, "twice");
    wt_put_text(labels, "\n");
    refused(root, labels, WT_EFORMAT, "no class name");
}

static void folders_that_are_not_clear(void **state)
{
    (void)state;
    refused(path_of("nowhere"), NULL, WT_EIO, "no file or folder");
    refused(root, NULL, WT_EFORMAT, "no sample");
    wt_put_text(path_of("readme.md"), "x");
    refused(root, NULL, WT_EFORMAT, "no sample");
    refused(path_of("readme.md"), NULL, WT_EUNSUPPORTED, "no data set");
    make_folder("only");
    put_pictures("only/%d.png", 0, 2);
    open_images(root, NULL);
    assert_int_equal(info.classes_seen, 1);
    assert_non_null(strstr(logged, "all samples have one class"));
    put_pictures("loose%d.png", 0, 1);
    refused(root, NULL, WT_EUSAGE, "both folders and data files");
}

/* --- files, labels.csv, patterns
 * ----------------------------------------------------------------------------------------------- */

static void loose_files(void **state)
{
    (void)state;
    size_t count[16];
    put_pictures("%d.png", 0, 4);
    wt_put_text(path_of("labels.txt"), "not data either");
    open_images(root, NULL);
    assert_string_equal(info.form, "images");
    assert_true(info.samples == 4 && info.labelled == 0 && info.label_kind == WT_LABEL_NONE && info.ignored == 1);
    assert_int_equal(read_all(count), 4);
    assert_int_equal(count[0], 4);
    open_images(path_of("[12].png"), NULL);
    assert_int_equal(info.samples, 2);
    open_images(path_of("3.png"), NULL);
    assert_int_equal(info.samples, 1);
    refused(path_of("*.jpeg"), NULL, WT_EFORMAT, "no sample");
    size_t len;
    uint8_t *wav = wt_make_wav(8000, 1, 10, &len);
    wt_test_write(path_of("sound.wav"), wav, len);
    free(wav);
    refused(root, NULL, WT_EUSAGE, "another kind");
}

static void csv_is(const char *text, const char *labels, wt_label_kind kind)
{
    wt_put_text(path_of("labels.csv"), text);
    open_images(root, labels);
    assert_int_equal(info.label_kind, kind);
}

static void csv_refused(const char *text, const char *labels, const char *part)
{
    wt_put_text(path_of("labels.csv"), text);
    refused(root, labels, WT_EFORMAT, part);
}

static void labels_from_csv(void **state)
{
    (void)state;
    size_t count[16];
    put_pictures("%d.png", 0, 4);
    csv_is("file,label\r\n0.png,\"a, b\"\r\n1.png,c\r\n2.png,d\r\n", NULL, WT_LABEL_TEXT);
    assert_true(info.samples == 3 && info.ignored == 1); /* 3.png is not named */
    read_all(count);
    for (uint64_t i = 0; i < 3; i++) {
        wt_test_ok(wt_dataset_read(ds, i, sample, &err), &err);
        if (!strcmp(sample->source, "0.png"))
            assert_string_equal(sample->label.text, "a, b");
    }
    csv_is("0.png,1\n1.png,0\n2.png,12\n", NULL, WT_LABEL_CLASS);
    read_all(count);
    assert_true(count[1] == 1 && count[2] == 1 && count[13] == 1);
    csv_is("label,file\n0.5,0.png\n-2,1.png\n", NULL, WT_LABEL_VECTOR);
    wt_test_ok(wt_dataset_read(ds, 0, sample, &err), &err);
    assert_int_equal(sample->label.kind, WT_LABEL_VECTOR);
    const float value = *(const float *)sample->label.vector.data;
    assert_true(value == 0.5f || value == -2);
    csv_is("0.png,dog\n1.png,cat\n2.png,dog\n3.png,cat\n", NULL, WT_LABEL_CLASS); /* they repeat */
    assert_true(info.classes == 2 && !strcmp(wt_dataset_class_name(ds, 0), "cat"));
    const char *names = path_of("names");
    wt_put_text(names, "dog\ncat\ncow\n");
    csv_is("0.png,dog\n1.png,cow\n", names, WT_LABEL_CLASS);
    read_all(count);
    assert_true(count[1] == 1 && count[3] == 1 && info.classes == 3);
    csv_is("0.png,dog\n1.png,hen\n", names, WT_LABEL_TEXT); /* not all are classes */
}

static void wrong_csv(void **state)
{
    (void)state;
    put_pictures("%d.png", 0, 1);
    csv_refused("file,label\n0.png\n", NULL, "line 2");
    csv_refused("nothere.png,1\n", NULL, "no file nothere.png");
    csv_refused("../0.png,1\n", NULL, "not a file below");
    csv_refused("/etc/hosts,1\n", NULL, "not a file below");
    csv_refused("0.png,\"a\n", NULL, "does not end");
    csv_refused("", NULL, "no sample");
    assert_non_null(strstr(err.hint, ".png"));
}

/* --- order and parts
 * --------------------------------------------------------------------------------------------------------------- */

static void order_is_by_content(void **state)
{
    (void)state;
    char first[65], name[64];
    make_folder("a");
    make_folder("b");
    for (int i = 0; i < 20; i++) { /* the same contents under other names */
        snprintf(name, sizeof name, "a/%02d.png", i);
        wt_put_picture(path_of(name), 6, 5, 3, i);
        snprintf(name, sizeof name, "b/%02d.png", 19 - i);
        wt_put_picture(path_of(name), 6, 5, 3, i);
    }
    uint8_t hashes[20][32];
    open_images(path_of("a"), NULL);
    snprintf(first, sizeof first, "%s", info.hash);
    for (uint64_t i = 0; i < 20; i++) {
        wt_test_ok(wt_dataset_read(ds, i, sample, &err), &err);
        memcpy(hashes[i], sample->hash, 32);
        assert_true(i == 0 || memcmp(hashes[i - 1], hashes[i], 32) < 0);
    }
    open_images(path_of("b"), NULL);
    assert_string_equal(first, info.hash);
    for (uint64_t i = 0; i < 20; i++) {
        wt_test_ok(wt_dataset_read(ds, i, sample, &err), &err);
        assert_memory_equal(hashes[i], sample->hash, 32);
    }
    wt_test_refused(wt_dataset_read(ds, 20, sample, &err), WT_EUSAGE, &err, "sample 20");
    wt_dataset *few;
    wt_test_ok(wt_dataset_limit(&few, ds, 7, &err), &err);
    wt_dataset_close(ds); /* a view outlives it */
    ds = few;
    wt_dataset_describe(ds, &info);
    assert_int_equal(info.samples, 7);
    wt_test_ok(wt_dataset_read(ds, 6, sample, &err), &err);
    assert_memory_equal(hashes[6], sample->hash, 32);
}

static void parts_do_not_overlap(void **state)
{
    (void)state;
    make_folder("x");
    put_pictures("x/%d.png", 0, 60);
    put_pictures("x/again%d.png", 0, 20); /* contents that are there twice */
    open_images(path_of("x"), NULL);
    assert_true(info.samples == 80 && info.unique == 60);
    for (uint64_t seed = 0; seed < 20; seed++) {
        wt_dataset *c, *h;
        wt_dataset_info ci, hi;
        wt_test_ok(wt_dataset_split(&c, ds, WT_PART_CALIBRATION, 0.3, seed, &err), &err);
        wt_test_ok(wt_dataset_split(&h, ds, WT_PART_HELD_OUT, 0.3, seed, &err), &err);
        wt_dataset_describe(c, &ci);
        wt_dataset_describe(h, &hi);
        assert_true(ci.samples + hi.samples == 80 && ci.samples > 4 && hi.samples > 20);
        wt_test_ok(wt_dataset_overlap(c, h, &err), &err);
        wt_test_refused(wt_dataset_overlap(c, ds, &err), WT_EUSAGE, &err, "both");
        wt_dataset_close(c);
        wt_dataset_close(h);
    }
    wt_dataset *c;
    wt_test_refused(wt_dataset_split(&c, ds, WT_PART_HELD_OUT, 1, 0, &err), WT_EUSAGE, &err, "fraction");
    wt_test_ok(wt_dataset_limit(&c, ds, 2, &err), &err);
    wt_dataset_close(ds);
    ds = c;
    wt_dataset_describe(ds, &info);
    if (info.unique == 2) /* two samples: one each, whatever the fraction */
        for (uint64_t seed = 0; seed < 10; seed++)
            for (int part = 0; part < 2; part++) {
                wt_test_ok(wt_dataset_split(&c, ds, (wt_part)part, 0.01, seed, &err), &err);
                wt_dataset_describe(c, &info);
                assert_int_equal(info.samples, 1);
                wt_dataset_close(c);
            }
    open_images(path_of("x/1.png"), NULL);
    wt_test_refused(wt_dataset_split(&c, ds, WT_PART_HELD_OUT, 0.5, 0, &err), WT_EFORMAT, &err, "one content");
}

static void contradicting_labels_are_told(void **state)
{
    (void)state;
    make_folder("a");
    make_folder("b");
    put_pictures("a/%d.png", 0, 2);
    put_pictures("b/%d.png", 1, 2);
    open_images(root, NULL);
    assert_non_null(strstr(logged, "another label"));
}

/* --- arrays
 * ---------------------------------------------------------------------------------------------------------------------------
 */

static void save(const char *name, const char *const *names, const wt_tensor *t, size_t n)
{
    wt_test_ok(wt_npz_write(ctx, path_of(name), names, t, n, true, &err), &err);
}

static wt_status open_two(const char *name, const wt_data_input *inputs, size_t n)
{
    wt_dataset_options o = wt_dataset_defaults();
    o.inputs = inputs;
    o.n_inputs = n;
    wt_dataset_close(ds);
    const wt_status st = wt_dataset_open(&ds, ctx, path_of(name), &o, &err);
    if (st == WT_OK)
        wt_dataset_describe(ds, &info);
    return st;
}

static void archives_feed_several_inputs(void **state)
{
    (void)state;
    static const char *const names[] = { "x", "rate", "state", "label" };
    float x[5][3], held[2][1][4];
    int32_t rate = 16000;
    int64_t label[5];
    for (int i = 0; i < 5; i++) {
        label[i] = i % 3;
        for (int k = 0; k < 3; k++)
            x[i][k] = (float)(i * 10 + k);
    }
    memset(held, 0, sizeof held);
    wt_tensor t[4] = { { .dtype = WT_F32, .shape = { 2, { 5, 3 } }, .data = x, .bytes = sizeof x },
                       { .dtype = WT_I32, .shape = { 0, { 0 } }, .data = &rate, .bytes = sizeof rate },
                       { .dtype = WT_F32, .shape = { 3, { 2, 1, 4 } }, .data = held, .bytes = sizeof held },
                       { .dtype = WT_I64, .shape = { 1, { 5 } }, .data = label, .bytes = sizeof label } };
    save("set.npz", names, t, 4);
    const wt_data_input inputs[] = { { "x", WT_F32, { 2, { -1, 3 } } },
                                     { "state", WT_F32, { 3, { 2, -1, 4 } } },
                                     { "rate", WT_I64, { 0, { 0 } } } };
    wt_test_ok(open_two("set.npz", inputs, 3), &err);
    assert_true(info.samples == 5 && info.labelled == 5 && info.classes_seen == 3);
    for (uint64_t i = 0; i < 5; i++) {
        wt_test_ok(wt_dataset_read(ds, i, sample, &err), &err);
        const float *row = sample->inputs[0].data;
        const int64_t number = (int64_t)row[0] / 10;
        assert_true(sample->inputs[0].shape.dim[0] == 1 && row[2] == (float)(number * 10 + 2));
        assert_int_equal(sample->label.index, number % 3);
        assert_int_equal(*(const int64_t *)sample->inputs[2].data, 16000); /* int32 to int64 */
        assert_true(sample->inputs[1].shape.dim[0] == 2 && sample->inputs[2].shape.rank == 0);
    }
    const wt_data_input stacked = { "x", WT_F32, { 1, { 3 } } };
    wt_test_ok(open_two("set.npz", &stacked, 1), &err);
    assert_int_equal(info.samples, 5);
    const wt_data_input whole = { "x", WT_F32, { 2, { 5, 3 } } };
    t[3].shape.dim[0] = 1;
    save("set.npz", names, t, 4);
    wt_test_ok(open_two("set.npz", &whole, 1), &err);
    assert_int_equal(info.samples, 1);
    const wt_data_input other[] = { { "x", WT_F32, { 2, { -1, 3 } } }, { "y", WT_F32, { 2, { -1, 3 } } } };
    wt_test_refused(open_two("set.npz", other, 2), WT_EFORMAT, &err, "no array named as the input y");
    assert_non_null(strstr(err.hint, "rate"));
    const wt_data_input wide = { "x", WT_F32, { 2, { -1, 4 } } };
    t[3].shape.dim[0] = 5;
    save("set.npz", names, t, 4);
    wt_test_ok(open_two("set.npz", &wide, 1), &err);
    wt_test_refused(wt_dataset_read(ds, 0, sample, &err), WT_EFORMAT, &err, "shape ?x4");
    const wt_data_input ints = { "x", WT_I64, { 2, { -1, 3 } } };
    wt_test_ok(open_two("set.npz", &ints, 1), &err);
    wt_test_refused(wt_dataset_read(ds, 0, sample, &err), WT_EFORMAT, &err, "int64");
    t[3].shape.dim[0] = 4;
    save("set.npz", names, t, 4);
    wt_test_refused(open_two("set.npz", inputs, 3), WT_EFORMAT, &err, "4 labels for 5");
}

static void labels_of_arrays(void **state)
{
    (void)state;
    static const char *const names[] = { "x", "label" };
    float x[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } }, v[2][2] = { { 1, 2 }, { 3, 4 } };
    const wt_string s[2] = { { "dog", 3 }, { "cat", 3 } };
    const int8_t negative[2] = { 0, -1 };
    wt_tensor t[2] = { { .dtype = WT_F32, .shape = { 2, { 2, 3 } }, .data = x, .bytes = sizeof x },
                       { .dtype = WT_F32, .shape = { 2, { 2, 2 } }, .data = v, .bytes = sizeof v } };
    const wt_data_input in = { "x", WT_F32, { 2, { -1, 3 } } };
    save("v.npz", names, t, 2);
    wt_test_ok(open_two("v.npz", &in, 1), &err);
    assert_true(info.label_kind == WT_LABEL_VECTOR && info.labelled == 2);
    wt_test_ok(wt_dataset_read(ds, 0, sample, &err), &err);
    const float *row = sample->inputs[0].data, *vector = sample->label.vector.data;
    assert_true(sample->label.vector.shape.rank == 1 && vector[1] == (row[0] == 1 ? 2 : 4));
    t[1] = (wt_tensor){ .dtype = WT_STRING, .shape = { 1, { 2 } }, .data = s, .bytes = sizeof s };
    save("s.npz", names, t, 2);
    wt_test_ok(open_two("s.npz", &in, 1), &err);
    assert_int_equal(info.label_kind, WT_LABEL_TEXT);
    t[1] = (wt_tensor){ .dtype = WT_I8, .shape = { 1, { 2 } }, .data = negative, .bytes = sizeof negative };
    save("n.npz", names, t, 2);
    wt_test_refused(open_two("n.npz", &in, 1), WT_EFORMAT, &err, "no class");
}

/* Opens the same set under new labels: whether they count as others. */
static bool other_labels(const char *set, const wt_data_input *in)
{
    char content[65], labels[65];
    snprintf(content, sizeof content, "%s", info.hash);
    snprintf(labels, sizeof labels, "%s", info.label_hash);
    if (in)
        wt_test_ok(open_two(set, in, 1), &err);
    else
        csv_is(set, NULL, info.label_kind);
    assert_string_equal(content, info.hash); /* labels are not what a sample is */
    return strcmp(labels, info.label_hash) != 0;
}

static void labels_are_hashed_apart(void **state)
{
    (void)state;
    static const char *const names[] = { "x", "label" };
    float x[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } }, v[2][2] = { { 1, 2 }, { 3, 4 } };
    const wt_tensor t[2] = { { .dtype = WT_F32, .shape = { 2, { 2, 3 } }, .data = x, .bytes = sizeof x },
                             { .dtype = WT_F32, .shape = { 2, { 2, 2 } }, .data = v, .bytes = sizeof v } };
    const wt_data_input in = { "x", WT_F32, { 2, { -1, 3 } } };
    put_pictures("%d.png", 0, 2);
    csv_is("0.png,1\n1.png,0\n", NULL, WT_LABEL_CLASS);
    assert_false(other_labels("1.png,0\n0.png,1\n", NULL));
    assert_true(other_labels("0.png,0\n1.png,1\n", NULL));
    csv_is("0.png,0.5\n1.png,2.5\n", NULL, WT_LABEL_VECTOR);
    assert_true(other_labels("0.png,0.5\n1.png,2.75\n", NULL));
    save("v.npz", names, t, 2);
    wt_test_ok(open_two("v.npz", &in, 1), &err);
    assert_false(other_labels("v.npz", &in));
    v[1][1] = 5;
    save("v.npz", names, t, 2);
    assert_true(other_labels("v.npz", &in));
}

static void nan_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = { "x" };
    const uint32_t bits[4] = { 0x3f800000, 0x7fc00000, 0x3f800000, 0x3f800000 };
    const wt_tensor t = { .dtype = WT_F32, .shape = { 2, { 2, 2 } }, .data = bits, .bytes = sizeof bits };
    const wt_data_input in = { "x", WT_F32, { 2, { -1, 2 } } };
    int bad = 0;
    save("nan.npz", names, &t, 1);
    wt_test_ok(open_two("nan.npz", &in, 1), &err);
    for (uint64_t i = 0; i < 2; i++)
        if (wt_dataset_read(ds, i, sample, &err) != WT_OK) {
            bad++;
            assert_non_null(strstr(err.message, "NaN or infinity at element 1"));
            assert_string_equal(err.where, "nan.npz[0]");
        }
    assert_int_equal(bad, 1);
    wt_dataset_options o = wt_dataset_defaults();
    o.inputs = &in;
    o.n_inputs = 1;
    o.allow_nonfinite = 1;
    wt_dataset_close(ds);
    wt_test_ok(wt_dataset_open(&ds, ctx, path_of("nan.npz"), &o, &err), &err);
    for (uint64_t i = 0; i < 2; i++)
        wt_test_ok(wt_dataset_read(ds, i, sample, &err), &err);
}

/* --- IDX, text, sound
 * -------------------------------------------------------------------------------------------------------------------
 */

static void put_idx(const char *name, int rank, const uint32_t *dims, const uint8_t *data, size_t n, bool gzip)
{
    uint8_t *p = calloc(1, 4 + 4 * (size_t)rank + n), *z = NULL;
    size_t len = 4 + 4 * (size_t)rank + n;
    p[2] = 8;
    p[3] = (uint8_t)rank;
    for (int i = 0; i < rank; i++)
        for (int k = 0; k < 4; k++)
            p[4 + 4 * i + k] = (uint8_t)(dims[i] >> (24 - 8 * k));
    memcpy(p + 4 + 4 * rank, data, n);
    if (gzip)
        z = wt_make_gzip(p, len, &len);
    wt_test_write(path_of(name), z ? z : p, len);
    free(z);
    free(p);
}

static void idx_pairs(void **state)
{
    (void)state;
    uint8_t pixels[3 * 4 * 4];
    static const uint8_t labels[3] = { 2, 0, 2 };
    size_t count[16];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 5);
    put_idx("t-images-idx3-ubyte", 3, (const uint32_t[]){ 3, 4, 4 }, pixels, sizeof pixels, false);
    put_idx("t-labels-idx1-ubyte", 1, (const uint32_t[]){ 3 }, labels, 3, false);
    const int64_t dims[4] = { -1, 1, 4, 4 };
    for (int folder = 0; folder < 2; folder++) {
        wt_dataset_close(ds);
        wt_test_ok(
            wt_open_for(&ds, ctx, folder ? root : path_of("t-images-idx3-ubyte"), 4, dims, "{\"scale\":1}", NULL, &err),
            &err);
        wt_dataset_describe(ds, &info);
        assert_string_equal(info.form, "idx");
        assert_int_equal(read_all(count), 3);
        assert_true(count[1] == 1 && count[3] == 2);
        const float *x = sample->inputs[0].data;
        assert_true(x[1] == x[0] + 5 || x[1] == x[0] + 5 - 256);
    }
    put_idx("u-images-idx3-ubyte", 3, (const uint32_t[]){ 3, 4, 4 }, pixels, sizeof pixels, false);
    refused(root, NULL, WT_EUSAGE, "several IDX sets");
    put_idx("u-labels-idx1-ubyte", 1, (const uint32_t[]){ 2 }, labels, 2, false);
    refused(path_of("u-images-idx3-ubyte"), NULL, WT_EFORMAT, "2 labels for 3");
    put_idx("w-images-idx3-ubyte", 3, (const uint32_t[]){ 3, 4, 5 }, pixels, sizeof pixels, false);
    refused(path_of("w-images-idx3-ubyte"), NULL, WT_EFORMAT, "60 elements are promised");
    put_idx("v-images-idx3-ubyte", 3, (const uint32_t[]){ 0xffffffff, 0, 5 }, pixels, 0, false);
    refused(path_of("v-images-idx3-ubyte"), NULL, WT_EFORMAT, "no elements");
}

static void idx_gzipped(void **state)
{
    (void)state;
    uint8_t *pixels = calloc(1000, 64);
    static uint8_t labels[1000];
    for (int i = 0; i < 1000; i++) {
        labels[i] = (uint8_t)(i % 10);
        pixels[i * 64] = (uint8_t)i;
        pixels[i * 64 + 1] = (uint8_t)(i >> 8);
    }
    put_idx("t-images-idx3-ubyte.gz", 3, (const uint32_t[]){ 1000, 8, 8 }, pixels, 64000, true);
    put_idx("t-labels-idx1-ubyte.gz", 1, (const uint32_t[]){ 1000 }, labels, 1000, true);
    free(pixels);
    const int64_t dims[2] = { -1, 64 };
    wt_test_ok(wt_open_for(&ds, ctx, root, 2, dims, NULL, NULL, &err), &err);
    wt_dataset_describe(ds, &info);
    assert_true(info.samples == 1000 && info.labelled == 1000 && info.classes_seen == 10);
    char *text;
    size_t len;
    wt_test_ok(wt_read_file(ctx, path_of("t-images-idx3-ubyte.gz"), 1 << 20, &text, &len, &err), &err);
    wt_test_write(path_of("t-images-idx3-ubyte.gz"), text, len / 2);
    wt_free(ctx, text);
    refused(path_of("t-images-idx3-ubyte.gz"), NULL, WT_EFORMAT, "cut off");
}

static void lines_and_json(void **state)
{
    (void)state;
    wt_dataset_options o = wt_dataset_defaults();
    const wt_data_input string = { "s", WT_STRING, { 2, { -1, 1 } } };
    wt_put_text(path_of("a.txt"), "\xef\xbb\xbf"
                                  "one\r\n\r\n  \ntwo \xc3\xa9\nthree");
    wt_test_ok(wt_dataset_open(&ds, ctx, path_of("a.txt"), &o, &err), &err);
    wt_dataset_describe(ds, &info);
    assert_true(info.samples == 3 && !strcmp(info.form, "text"));
    bool seen[3] = { false };
    for (uint64_t i = 0; i < 3; i++) {
        wt_test_ok(wt_dataset_read(ds, i, sample, &err), &err);
        seen[0] |= !strcmp(sample->text, "one") && !strcmp(sample->source, "a.txt:1");
        seen[1] |= !strcmp(sample->text, "two \xc3\xa9") && !strcmp(sample->source, "a.txt:4");
        seen[2] |= !strcmp(sample->text, "three") && sample->n_inputs == 0;
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    wt_dataset_close(ds);
    o.inputs = &string;
    o.n_inputs = 1;
    wt_put_text(path_of("a.jsonl"),
                "{\"text\":\"t\\u00e9\",\"label\":\"x\"}\n\n{\"prompt\":\"p\",\"answer\":\"a\",\"id\":3}\n");
    wt_test_ok(wt_dataset_open(&ds, ctx, path_of("a.jsonl"), &o, &err), &err);
    for (uint64_t i = 0; i < 2; i++) {
        wt_test_ok(wt_dataset_read(ds, i, sample, &err), &err);
        const wt_string *element = sample->inputs[0].data;
        assert_int_equal(element->len, sample->text_len);
        if (sample->answer)
            assert_true(!strcmp(sample->text, "p") && !strcmp(sample->answer, "a") &&
                        sample->label.kind == WT_LABEL_NONE);
        else
            assert_true(!strcmp(sample->text, "t\xc3\xa9") && !strcmp(sample->label.text, "x"));
    }
    wt_put_text(path_of("b.jsonl"), "{\"text\":\"x\"}\n{\"text\":1}\n");
    refused(path_of("b.jsonl"), NULL, WT_EFORMAT, "line 2");
    wt_put_text(path_of("b.jsonl"), "{\"text\":\"x\"}\n{\"text\"\n");
    refused(path_of("b.jsonl"), NULL, WT_EFORMAT, "line 2");
    wt_put_text(path_of("b.txt"), "fine\nnot \xff fine\n");
    refused(path_of("b.txt"), NULL, WT_EFORMAT, "line 2");
}

static void frames_of_a_sound_stay_together(void **state)
{
    (void)state;
    make_folder("w");
    for (int i = 0; i < 6; i++) {
        char name[32];
        size_t len;
        uint8_t *wav = wt_make_wav(8000 + i, 1, 1000, &len);
        snprintf(name, sizeof name, "w/%d.wav", i);
        wt_test_write(path_of(name), wav, len);
        free(wav);
    }
    const int64_t dims[2] = { 1, 256 };
    wt_test_ok(wt_open_for(&ds, ctx, path_of("w"), 2, dims, NULL, NULL, &err), &err);
    wt_dataset_describe(ds, &info);
    assert_true(info.samples == 18 && info.unique == 18 && !strcmp(info.form, "wav"));
    wt_dataset *c;
    wt_test_ok(wt_dataset_split(&c, ds, WT_PART_CALIBRATION, 0.5, 3, &err), &err);
    wt_dataset_close(ds);
    ds = c;
    wt_dataset_describe(ds, &info);
    assert_int_equal(info.samples % 3, 0);
    for (uint64_t i = 0; i < info.samples; i++) {
        wt_test_ok(wt_dataset_read(ds, i, sample, &err), &err);
        assert_int_equal(sample->part, i % 3);
        assert_true(*(const float *)sample->inputs[0].data == (float)(i % 3 * 256 * 8) / 32768);
    }
}

/* --- damage and shortage
 * ------------------------------------------------------------------------------------------------------------- */

static void a_broken_sample_is_named(void **state)
{
    (void)state;
    put_pictures("%d.png", 0, 3);
    wt_put_text(path_of("broken.png"), "this is no picture");
    open_images(root, NULL);
    int bad = 0;
    for (uint64_t i = 0; i < 4; i++)
        if (wt_dataset_read(ds, i, sample, &err) != WT_OK) {
            bad++;
            assert_string_equal(err.where, "broken.png");
            assert_null(sample->inputs[0].data);
        }
    assert_int_equal(bad, 1);
    unlink(path_of("1.png")); /* gone since */
    bad = 0;
    for (uint64_t i = 0; i < 4; i++)
        bad += wt_dataset_read(ds, i, sample, &err) != WT_OK;
    assert_int_equal(bad, 2);
}

static wt_status open_and_read(wt_context *c, void *arg, wt_err *e)
{
    const char *path = arg;
    const wt_data_input x = { "x", WT_F32, { 4, { 1, 3, 4, 4 } } };
    wt_dataset_options o = wt_dataset_defaults();
    wt_dataset *set = NULL, *part = NULL;
    wt_sample *s = NULL;
    int more;
    o.inputs = &x;
    o.n_inputs = 1;
    wt_status st = wt_dataset_open(&set, c, path, &o, e);
    if (st == WT_OK)
        st = wt_dataset_split(&part, set, WT_PART_HELD_OUT, 0.5, 0, e);
    if (st == WT_OK)
        st = wt_sample_open(&s, c, e);
    if (st == WT_OK)
        st = wt_dataset_next(part, s, &more, e);
    wt_sample_close(s);
    wt_dataset_close(part);
    wt_dataset_close(set);
    return st;
}

static void allocations_may_fail(void **state)
{
    (void)state;
    put_pictures("%d.png", 0, 3);
    wt_put_text(path_of("labels.csv"), "0.png,a\n1.png,b\n2.png,a\n");
    assert_true(wt_test_fail_each_alloc(open_and_read, (void *)(uintptr_t)root) > 20);
}

static void cancelling(void **state)
{
    (void)state;
    put_pictures("%d.png", 0, 3);
    open_images(root, NULL);
    wt_context_cancel(ctx);
    wt_test_refused(wt_dataset_read(ds, 0, sample, &err), WT_ECANCELLED, &err, NULL);
    refused(root, NULL, WT_ECANCELLED, NULL);
}

static void mnist(void **state)
{
    (void)state;
    const char *path = wt_test_shared_data("mnist/t10k-images-idx3-ubyte.gz");
    const int64_t dims[4] = { 1, 1, 28, 28 };
    size_t count[16];
    wt_test_ok(wt_open_for(&ds, ctx, path, 4, dims, "{\"mean\":0.1307,\"std\":0.3081}", NULL, &err), &err);
    wt_dataset_describe(ds, &info);
    assert_true(info.samples == 10000 && info.labelled == 10000 && info.classes_seen == 10);
    assert_int_equal(read_all(count), 10000);
    static const size_t want[10] = { 980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009 };
    assert_memory_equal(count + 1, want, sizeof want);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(class_folders),
        TEST(folders_that_are_not_clear),
        TEST(loose_files),
        TEST(labels_from_csv),
        TEST(wrong_csv),
        TEST(order_is_by_content),
        TEST(parts_do_not_overlap),
        TEST(contradicting_labels_are_told),
        TEST(archives_feed_several_inputs),
        TEST(labels_of_arrays),
        TEST(labels_are_hashed_apart),
        TEST(nan_is_refused),
        TEST(idx_pairs),
        TEST(idx_gzipped),
        TEST(lines_and_json),
        TEST(frames_of_a_sound_stay_together),
        TEST(a_broken_sample_is_named),
        TEST(allocations_may_fail),
        TEST(cancelling),
        TEST(mnist),
    };
    return wt_test_run("dataset", tests, WT_ARRAY_LEN(tests));
}
