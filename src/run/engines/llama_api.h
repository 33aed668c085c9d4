/* llama_api.h - the part of llama.cpp's C interface that we call, declared by ourselves.
 *
 * Options go by value in structs that grow and change from release to release. So they are blocks larger than any of
 * them: such a struct is handed over in memory in all the calling conventions that we know, whoever takes it reads its
 * own size from the front, and what is behind is not looked at. Of their fields we set three, whose places are checked
 * against the defaults that llama.cpp documents before they are believed (llamacpp.c). */
#ifndef WT_LLAMA_API_H
#define WT_LLAMA_API_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct LlamaModel LlamaModel;
typedef struct LlamaContext LlamaContext;
typedef struct LlamaVocab LlamaVocab;
typedef struct LlamaMemory LlamaMemory;
typedef struct LlamaModelOptions {
    void *devices, *overrides;
    int32_t gpu_layers; /* default: -1, 0 or 999 */
    uint8_t rest[1004];
} LlamaModelOptions;
typedef struct LlamaContextOptions {
    uint32_t context, batch, pass; /* defaults: 512, 2048, 512 */
    uint8_t rest[1012];
} LlamaContextOptions;
/* The same since 2023. */
typedef struct LlamaBatch {
    int32_t n;
    int32_t *tokens;
    float *embeddings;
    int32_t *positions, *n_sequences, **sequences;
    int8_t *wanted;
} LlamaBatch;

/* X(member, function, result, arguments) */
#define LLAMA_FUNCTIONS(X)                                                                                             \
    X(start, llama_backend_init, void, (void))                                                                         \
    X(log_to, llama_log_set, void, (void (*)(int level, const char *text, void *user), void *user))                    \
    X(model_options, llama_model_default_params, LlamaModelOptions, (void))                                            \
    X(load, llama_model_load_from_file, LlamaModel *, (const char *path, LlamaModelOptions))                           \
    X(model_free, llama_model_free, void, (LlamaModel *))                                                              \
    X(vocab, llama_model_get_vocab, const LlamaVocab *, (const LlamaModel *))                                          \
    X(n_tokens, llama_vocab_n_tokens, int32_t, (const LlamaVocab *))                                                   \
    X(bytes, llama_model_size, uint64_t, (const LlamaModel *))                                                         \
    X(context_options, llama_context_default_params, LlamaContextOptions, (void))                                      \
    X(open, llama_init_from_model, LlamaContext *, (LlamaModel *, LlamaContextOptions))                                \
    X(free, llama_free, void, (LlamaContext *))                                                                        \
    X(set_threads, llama_set_n_threads, void, (LlamaContext *, int32_t one, int32_t many))                             \
    X(memory, llama_get_memory, LlamaMemory *, (const LlamaContext *))                                                 \
    X(clear, llama_memory_clear, void, (LlamaMemory *, bool data))                                                     \
    X(forget, llama_memory_seq_rm, bool, (LlamaMemory *, int32_t sequence, int32_t from, int32_t to))                  \
    X(decode, llama_decode, int32_t, (LlamaContext *, LlamaBatch))                                                     \
    X(logits, llama_get_logits_ith, float *, (LlamaContext *, int32_t index))                                          \
    X(n_devices, ggml_backend_dev_count, size_t, (void))                                                               \
    X(device, ggml_backend_dev_get, void *, (size_t))                                                                  \
    X(device_name, ggml_backend_dev_name, const char *, (void *))                                                      \
    X(device_text, ggml_backend_dev_description, const char *, (void *))                                               \
    X(load_devices, ggml_backend_load_all_from_path, void, (const char *folder))

typedef struct LlamaTable {
#define X(member, function, result, arguments) result(*member) arguments;
    LLAMA_FUNCTIONS(X)
#undef X
} LlamaTable;
#endif
