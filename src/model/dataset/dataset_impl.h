/* dataset_impl.h - the inside of a data set: entries, forms, and the store behind a sample.
 *
 * A form is a way in which a set lies on disk: files (one each, in folders or by a pattern), arrays (.npz, .npy), IDX
 * pairs, lines of text. It lists entries, hashes one, and reads one; everything else (order, views, labels, limits) is
 * common. The core is what all views of a set share; after opening nobody writes to it. */
#ifndef WT_DATASET_IMPL_H
#define WT_DATASET_IMPL_H
#include "base/hash.h"
#include "base/file.h"
#include "base/str.h"
#include "model/dataset/image_input.h"
#include "model/dataset/npy.h"
#include "model/dataset/sound_input.h"

typedef enum wt_file_kind {
    WT_FILE_OTHER,
    WT_FILE_PICTURE,
    WT_FILE_SOUND,
    WT_FILE_NPY,
    WT_FILE_NPZ,
    WT_FILE_TEXT
} wt_file_kind;
wt_file_kind wt_file_kind_of(const char *path); /* by extension */

/* How one sample's data meets the model's inputs; also used alone, for `run --input`. */
typedef struct wt_reader {
    wt_context *ctx;
    const wt_data_input *inputs;
    size_t n_inputs;
    wt_image_input image; /* prepared when the set is of that kind */
    wt_sound_input sound;
    uint64_t max_bytes;
    int64_t max_pixels;
    bool allow_nonfinite;
} wt_reader;
/* Checks that one picture / sound / array / text can feed the model, and prepares for it. */
wt_status wt_reader_prepare(wt_reader *r, wt_file_kind kind, const wt_preprocess *pp, wt_err *err);

/* --- a sample's memory
 * ------------------------------------------------------------------------------------------------- */
typedef struct wt_sample_store {
    wt_sample sample; /* what the caller sees */
    wt_context *ctx;
    wt_tensor *inputs;
    const char **names;
    void **data;
    size_t *capacity;
    size_t n; /* inputs there is room for */
    wt_picture picture, work;
    wt_buf text, answer, source, label;
    wt_string string; /* the element of a string input */
    void *vector;
    size_t vector_capacity;
} wt_sample_store;
/* Empties the sample and makes room for the reader's inputs (data NULL). */
wt_status wt_store_reset(wt_sample_store *s, const wt_reader *r, wt_err *err);
/* Makes input i a tensor of this type with its own, undefined, bytes. */
wt_status wt_store_input(wt_sample_store *s, const wt_reader *r, size_t i, wt_dtype dtype, const wt_shape *shape,
                         void **data, wt_err *err);
/* Text into the sample, and into the only input when that takes strings. */
wt_status wt_store_text(wt_sample_store *s, const wt_reader *r, const char *text, size_t len, wt_err *err);
/* WT_EFORMAT at the first NaN or infinity, unless they are allowed. */
wt_status wt_store_check(const wt_sample_store *s, const wt_reader *r, wt_err *err);

/* Rows [first, first + rows) of an array into input i: element type converted where nothing is lost, a batch dim of 1
 * added or dropped where that makes it fit. keep_axis: the leading axis stays. */
wt_status wt_read_rows(const wt_reader *r, size_t i, const wt_npy *npy, const uint8_t *file, uint64_t first,
                       uint64_t rows, bool keep_axis, wt_sample_store *s, wt_err *err);
/* A decoded 8-bit picture (s->picture) into the only input. */
wt_status wt_read_picture(const wt_reader *r, wt_sample_store *s, wt_err *err);
/* A file that holds one sample (or, of a sound, its frame). */
wt_status wt_read_data_file(const wt_reader *r, wt_file_kind kind, const char *path, uint64_t frame, wt_sample_store *s,
                            wt_err *err);

/* --- entries and forms
 * ---------------------------------------------------------------------------------------------------- */
typedef struct wt_entry {
    uint8_t hash[32];
    const char *name;  /* of the file, below the set's root; NULL: a record of the one file */
    uint64_t record;   /* index in arrays, byte offset of a line */
    uint64_t number;   /* frame of a sound, number of a line (from 1) */
    const char *label; /* as the data gives it; NULL: none */
    int64_t index;     /* the class, once resolved; before that a class given as a number; -1: none */
} wt_entry;

typedef struct wt_core wt_core;
typedef struct wt_form {
    const char *name;
    wt_status (*list)(wt_core *core, wt_err *err);
    wt_status (*hash)(const wt_core *core, wt_entry *e, wt_err *err); /* from several threads */
    wt_status (*expand)(wt_core *core, wt_err *err); /* NULL, or turns hashed files into several entries */
    wt_status (*read)(const wt_core *core, const wt_entry *e, wt_sample_store *s, wt_err *err);
    void (*close)(wt_core *core); /* NULL: nothing to close */
    /* NULL, or adds a label that the entry does not hold. */
    wt_status (*hash_label)(const wt_core *core, const wt_entry *e, wt_sha256 *sha, wt_err *err);
} wt_form;
extern const wt_form wt_form_class_folders, wt_form_files, wt_form_arrays, wt_form_idx, wt_form_lines,
    wt_form_json_lines;

struct wt_core {
    wt_context *ctx;
    atomic_int refs;
    wt_arena arena;   /* names, labels, copies of the options */
    const char *path; /* as given, without a '/' at the end */
    const wt_form *form;
    const char *form_name; /* what is reported: "images", "npz", ... */
    void *state;           /* of the form */
    wt_reader reader;
    wt_preprocess pp;   /* as asked */
    const char *labels; /* labels.txt or NULL */
    wt_label_kind kind;
    wt_entry *entries;
    size_t n, capacity;
    const char **classes;
    size_t n_classes;
    uint64_t ignored;
    char *applied; /* JSON */
};
enum { WT_DEFAULT_PIXELS = 1 << 28 };
#define WT_DEFAULT_BYTES ((uint64_t)4 << 30)
/* *out is filled also on failure, for wt_core_release, which gives one reference back. */
wt_status wt_core_open(wt_core **out, wt_context *ctx, const char *path, const wt_dataset_options *o, wt_err *err);
void wt_core_release(wt_core *core);
/* Same content: two entries that are the same sample. */
bool wt_core_same(const wt_core *core, const wt_entry *a, const wt_entry *b);
/* A zeroed entry with index -1. */
wt_status wt_core_add(wt_core *core, wt_entry **out, wt_err *err);
/* Which form the path has; also fills what the form's list needs from the path. */
wt_status wt_core_find_form(wt_core *core, wt_err *err);
/* core->labels as classes, if it was given. */
wt_status wt_core_load_classes(wt_core *core, wt_err *err);
/* Labels as text or numbers become classes, text or vectors, one kind for all. */
wt_status wt_core_resolve_labels(wt_core *core, wt_err *err);
/* The label of e into the sample. */
wt_status wt_core_give_label(const wt_core *core, const wt_entry *e, wt_sample_store *s, wt_err *err);

/* Sorted names in a folder, hidden ones left out; *names lives in the arena. Folders end in '/'. */
wt_status wt_list_folder(wt_arena *arena, const char *path, const char ***names, size_t *count, wt_err *err);
/* The IDX images in a folder whose labels are beside them; NULL: none. Several are an error. */
wt_status wt_idx_in_folder(wt_core *core, const char *const *names, size_t count, const char **out, wt_err *err);
bool wt_is_idx_name(const char *path);
#endif
