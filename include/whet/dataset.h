/* whet/dataset.h - data sets as a stream of samples, and how pictures and sound become a model's input.
 *
 * A set is opened once: its samples are listed, hashed (SHA-256 of the source bytes) and put in the order of their
 * hashes, so that limits and splits depend on what is in the files and never on what they are called. Then one
 * sample at a time is alive: reading the next one reuses the buffers of the last. What is kept per sample is its
 * place, hash and label, never its data.
 *
 * A data set handle belongs to one thread at a time; two views of one set (wt_dataset_split) may be read by two
 * threads. */
#ifndef WHET_DATASET_H
#define WHET_DATASET_H
#include "whet/context.h"
#include "whet/tensor.h"
#ifdef __cplusplus
extern "C" {
#endif

/* --- pre-processing ------------------------------------------------------------------------------------------------
 */
typedef enum wt_resize { WT_RESIZE_NEAREST, WT_RESIZE_BILINEAR, WT_RESIZE_BICUBIC, WT_RESIZE_AREA } wt_resize;
typedef enum wt_channels { WT_CHANNELS_RGB, WT_CHANNELS_BGR, WT_CHANNELS_GRAY } wt_channels;
typedef enum wt_image_layout { WT_NCHW, WT_NHWC } wt_image_layout;
/* WT_ASPECT_FIT: as large as fits inside W x H. WT_ASPECT_HEIGHT: always H high, min(W, ceil(H w / h)) wide, which
 * squeezes what is longer (what line recognisers are trained with). Both are placed top left. */
typedef enum wt_aspect { WT_ASPECT_STRETCH, WT_ASPECT_FIT, WT_ASPECT_HEIGHT } wt_aspect;

/* Keys that were said; the others are decided from the model's input when the set is opened. */
enum {
    WT_PP_SIZE = 1 << 0,
    WT_PP_RESIZE = 1 << 1,
    WT_PP_ASPECT = 1 << 2,
    WT_PP_PAD = 1 << 3,
    WT_PP_CROP = 1 << 4,
    WT_PP_CHANNELS = 1 << 5,
    WT_PP_LAYOUT = 1 << 6,
    WT_PP_SCALE = 1 << 7,
    WT_PP_MEAN = 1 << 8,
    WT_PP_STD = 1 << 9,
    WT_PP_MULTIPLE = 1 << 10,
    WT_PP_RATE = 1 << 11,
    WT_PP_MONO = 1 << 12,
    WT_PP_FRAME = 1 << 13,
    WT_PP_HOP = 1 << 14
};

/* value = (pixel * scale - mean) / std per channel, channels in the order of `channels`; pixels are 0..255. Where
 * the picture does not reach, the value is `pad` as it stands: it is not normalised again.
 * Resizing follows OpenCV: half-pixel centres, no smoothing when it shrinks (area averages), 8-bit results. */
typedef struct wt_preprocess {
    size_t size;
    uint32_t set;          /* WT_PP_* */
    int64_t width, height; /* 0: free, so the picture's own (by aspect when the other is fixed) */
    wt_resize resize;
    wt_aspect aspect;
    double pad;
    int64_t crop_width,
        crop_height; /* cut from the centre after resizing; with an aspect the picture then covers `size` */
    wt_channels channels;
    wt_image_layout layout;
    double scale;
    double mean[4], std[4];
    int mean_count, std_count; /* 1: for all channels */
    int64_t multiple;          /* free sides are rounded up to it: padded with an aspect, else stretched */
    double sample_rate;        /* 0: the file's own */
    int mono;
    int64_t frame, hop; /* samples per input and between starts of two; 0: the whole sound */
} wt_preprocess;

WT_API wt_preprocess wt_preprocess_defaults(void); /* nothing said */
/* One JSON object with the keys of the manual; unknown keys are refused. `where` names the file in messages. */
WT_API wt_status wt_preprocess_parse(wt_preprocess *out, const char *json, size_t len, const char *where, wt_err *err);
WT_API wt_status wt_preprocess_load(wt_preprocess *out, wt_context *ctx, const char *path, wt_err *err);
/* One key from text, as flags give it: "size", "224x224"; "mean", "0.485,0.456,0.406"; "channels", "bgr". */
WT_API wt_status wt_preprocess_set(wt_preprocess *pp, const char *key, const char *value, wt_err *err);
/* What `over` says replaces what `base` says. */
WT_API void wt_preprocess_merge(wt_preprocess *base, const wt_preprocess *over);

/* --- opening ---------------------------------------------------------------------------------------------------------
 */
typedef struct wt_dataset wt_dataset;

typedef struct wt_data_input {
    const char *name;
    wt_dtype dtype;
    wt_shape shape; /* negative dims are free */
} wt_data_input;

typedef enum wt_label_kind {
    WT_LABEL_AUTO, /* only in options: decided from the data */
    WT_LABEL_NONE,
    WT_LABEL_CLASS, /* an index */
    WT_LABEL_TEXT,
    WT_LABEL_VECTOR /* a tensor: regression, several labels at once */
} wt_label_kind;

typedef struct wt_dataset_options {
    size_t size;
    const wt_data_input *inputs; /* of the model, in its order */
    size_t n_inputs;
    const wt_preprocess *preprocess; /* NULL: all decided from the input */
    const char *labels;              /* path of labels.txt, one class name a line; NULL: none */
    wt_label_kind label_kind;
    uint64_t limit;      /* the first N in the order of the hashes; 0: all */
    int allow_nonfinite; /* 0: a sample with NaN or infinity is refused */
    uint64_t max_bytes;  /* of one sample's tensors or one inflated array; 0: 4 GiB */
    int64_t max_pixels;  /* of one picture; 0: 2^28 */
} wt_dataset_options;
WT_API wt_dataset_options wt_dataset_defaults(void);

/* `path`: a folder (class folders, or files with or without labels.csv), a glob pattern, or one file (.npz, .npy, IDX
 * images, .txt, .jsonl, a picture, a sound). Everything in `options` is copied. */
WT_API wt_status wt_dataset_open(wt_dataset **out, wt_context *ctx, const char *path, const wt_dataset_options *options,
                                 wt_err *err);
WT_API void wt_dataset_close(wt_dataset *ds); /* NULL is fine; views may be closed in any order */

typedef enum wt_part { WT_PART_CALIBRATION, WT_PART_HELD_OUT } wt_part;
/* A view of one part. Which part a sample is in follows from its hash, the seed and the fraction alone (equal bytes are
 * always in the same part), except that a part that would be empty gets the nearest content. */
WT_API wt_status wt_dataset_split(wt_dataset **out, wt_dataset *ds, wt_part part, double calibration_fraction,
                                  uint64_t seed, wt_err *err);
/* A view of the first n (all if there are fewer). */
WT_API wt_status wt_dataset_limit(wt_dataset **out, wt_dataset *ds, uint64_t n, wt_err *err);
/* WT_EUSAGE naming a sample when some content is in both. */
WT_API wt_status wt_dataset_overlap(const wt_dataset *calibration, const wt_dataset *held_out, wt_err *err);

typedef struct wt_dataset_info {
    uint64_t samples, labelled;
    uint64_t unique;  /* by content */
    uint64_t ignored; /* files of a kind that is not data, and files that labels.csv does not name */
    wt_label_kind label_kind;
    uint64_t classes;       /* known by name */
    uint64_t classes_seen;  /* that occur in this view; 1 makes an accuracy meaningless */
    const char *form;       /* "class-folders", "images", "npz", "idx", ... */
    const char *hash;       /* SHA-256 over the sorted sample hashes, hexadecimal */
    const char *label_hash; /* the same over the labels of the samples in that order */
} wt_dataset_info;
WT_API void wt_dataset_describe(const wt_dataset *ds, wt_dataset_info *out);
WT_API const char *wt_dataset_class_name(const wt_dataset *ds, uint64_t index); /* NULL: has none */
/* What is applied to each sample, as a JSON object for printing; borrowed from the set. */
WT_API const char *wt_dataset_applied(const wt_dataset *ds);

/* --- reading
 * ----------------------------------------------------------------------------------------------------------- */
typedef struct wt_sample_label {
    wt_label_kind kind;
    int64_t index;    /* WT_LABEL_CLASS */
    const char *text; /* WT_LABEL_TEXT, and the class's name when it has one; NUL-terminated UTF-8 */
    wt_tensor vector; /* WT_LABEL_VECTOR: float32 */
} wt_sample_label;

/* Owned by the caller, filled by read and next; everything in it is borrowed until the next fill or the free. */
typedef struct wt_sample {
    size_t n_inputs;
    const wt_tensor *inputs; /* in the order of the options' inputs; none for text that a tokenizer must turn */
    const char *const *names;
    const char *text, *answer; /* text and JSON lines; NULL: none */
    size_t text_len, answer_len;
    wt_sample_label label;
    uint8_t hash[32];   /* of the source bytes */
    uint64_t part;      /* which frame of a sound, 0 otherwise */
    const char *source; /* "upright/0001.png", "set.npz[17]", "notes.txt:12" */
    struct wt_sample_store *store;
} wt_sample;
WT_API wt_status wt_sample_open(wt_sample **out, wt_context *ctx, wt_err *err);
WT_API void wt_sample_close(wt_sample *sample);

/* *more is 0 when there was none left. */
WT_API wt_status wt_dataset_next(wt_dataset *ds, wt_sample *sample, int *more, wt_err *err);
WT_API void wt_dataset_rewind(wt_dataset *ds);
WT_API wt_status wt_dataset_read(wt_dataset *ds, uint64_t index, wt_sample *sample, wt_err *err);

/* One file as one model input, for `run --input`: .npy, .npz (the array named as the input, or the only one), a
 * picture, a sound, text for string inputs. NaN and infinity are refused unless allow_nonfinite. *out is freed with
 * wt_data_free. */
WT_API wt_status wt_data_load(wt_tensor **out, wt_context *ctx, const char *path, const wt_data_input *input,
                              const wt_preprocess *preprocess, int allow_nonfinite, wt_err *err);
WT_API void wt_data_free(wt_context *ctx, wt_tensor *tensor);
/* NumPy files; element types that NumPy lacks are stored in the smallest type that holds them exactly. */
WT_API wt_status wt_data_save_npy(wt_context *ctx, const char *path, const wt_tensor *tensor, int force, wt_err *err);
WT_API wt_status wt_data_save_npz(wt_context *ctx, const char *path, const char *const *names, const wt_tensor *tensors,
                                  size_t count, int force, wt_err *err);

#ifdef __cplusplus
}
#endif
#endif
