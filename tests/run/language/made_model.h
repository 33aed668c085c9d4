/* made_model.h - small language models with random weights, and what llama.cpp said of them.
 *
 * A file of golden/ (made by tests/oracle/language.py) describes a model: its keys, its tensors, whose numbers follow
 * from their names, and logits. made_model_write() writes it as a GGUF file byte by byte, without the code that is
 * tested. A test may change lines of the description before that. */
#ifndef WT_MADE_MODEL_H
#define WT_MADE_MODEL_H
#include "support/test.h"

typedef struct made_row {
    size_t position, stride, n;
    float value[32]; /* every stride-th number of that place's answer */
} made_row;

typedef struct made_model {
    char *text;      /* the description; lines end by 0 */
    char *line[512]; /* of it, and of words.txt */
    size_t n_lines;
    int64_t context;         /* that llama.cpp was given */
    double tolerance, range; /* allowed error as a part of the range of all answers */
    int32_t token[128];
    size_t n_tokens;
    made_row row[8];
    size_t n_rows;
} made_model;

void made_model_read(made_model *m, const char *name);
void made_model_free(made_model *m);
/* Replaces the line that begins with `start` and a space (or equals it); NULL drops it. Fails the test when there is
 * none. A line `poison TENSOR INDEX BITS` sets one number of a tensor. `now` must outlive the model. */
void made_model_change(made_model *m, const char *start, const char *now);
void made_model_add(made_model *m, const char *now);
/* A file of the test's own folder. */
const char *made_model_write(const made_model *m, const char *file);
/* The model NAME as it is described. */
const char *made_model_path(made_model *m, const char *name);
#endif
