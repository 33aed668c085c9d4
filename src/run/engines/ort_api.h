/* ort_api.h - the part of ONNX Runtime's C interface that we call, declared by ourselves.
 *
 * The library exports one function, OrtGetApiBase. It answers {GetApi(version), GetVersionString()}; GetApi answers a
 * table of function pointers, NULL when the library is older than the version asked for (it then prints a line on
 * standard error). A place in that table never changes once it was released: new functions are appended. So the
 * positions below are the interface; all of them were there in version 5 (of 2020). Functions that can fail
 * answer an OrtStatus, NULL for success. */
#ifndef WT_ORT_API_H
#define WT_ORT_API_H
#include <stddef.h>
#include <stdint.h>

typedef struct OrtStatus OrtStatus;
typedef struct OrtEnv OrtEnv;
typedef struct OrtSession OrtSession;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtValue OrtValue;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtAllocator OrtAllocator;
typedef struct OrtTypeInfo OrtTypeInfo;
typedef struct OrtShapeInfo OrtShapeInfo; /* "tensor type and shape info" there */

typedef struct OrtBase {
    void *const *(*get_api)(uint32_t version);
    const char *(*version)(void);
} OrtBase;

enum { ORT_ERRORS_ONLY = 3, ORT_TENSOR = 1, ORT_ARENA = 1, ORT_DEFAULT_MEMORY = 0 };
enum { ORT_LEVEL_NONE = 0, ORT_LEVEL_ALL = 99, ORT_SEQUENTIAL = 0 };
enum { ORT_NO_SUCH_FILE = 3, ORT_INVALID_ARGUMENT = 2, ORT_NOT_IMPLEMENTED = 9 };

/* X(position, name, result, arguments); element types are the numbers of TensorProto.DataType */
#define ORT_FUNCTIONS(X)                                                                                               \
    X(1, error_code, int, (const OrtStatus *))                                                                         \
    X(2, error_message, const char *, (const OrtStatus *))                                                             \
    X(3, create_env, OrtStatus *, (int log_level, const char *id, OrtEnv **))                                          \
    X(7, create_session, OrtStatus *, (const OrtEnv *, const char *path, const OrtSessionOptions *, OrtSession **))    \
    X(8, create_session_of_bytes, OrtStatus *,                                                                         \
      (const OrtEnv *, const void *, size_t, const OrtSessionOptions *, OrtSession **))                                \
    X(9, run, OrtStatus *,                                                                                             \
      (OrtSession *, const void *run_options, const char *const *names, const OrtValue *const *, size_t,               \
       const char *const *output_names, size_t, OrtValue **))                                                          \
    X(10, create_options, OrtStatus *, (OrtSessionOptions **))                                                         \
    X(13, set_execution_mode, OrtStatus *, (OrtSessionOptions *, int))                                                 \
    X(14, enable_profiling, OrtStatus *, (OrtSessionOptions *, const char *prefix))                                    \
    X(23, set_optimization_level, OrtStatus *, (OrtSessionOptions *, int))                                             \
    X(24, set_intra_threads, OrtStatus *, (OrtSessionOptions *, int))                                                  \
    X(25, set_inter_threads, OrtStatus *, (OrtSessionOptions *, int))                                                  \
    X(30, input_count, OrtStatus *, (const OrtSession *, size_t *))                                                    \
    X(31, output_count, OrtStatus *, (const OrtSession *, size_t *))                                                   \
    X(33, input_type, OrtStatus *, (const OrtSession *, size_t, OrtTypeInfo **))                                       \
    X(34, output_type, OrtStatus *, (const OrtSession *, size_t, OrtTypeInfo **))                                      \
    X(36, input_name, OrtStatus *, (const OrtSession *, size_t, OrtAllocator *, char **))                              \
    X(37, output_name, OrtStatus *, (const OrtSession *, size_t, OrtAllocator *, char **))                             \
    X(48, create_tensor, OrtStatus *, (OrtAllocator *, const int64_t *dims, size_t, int type, OrtValue **))            \
    X(49, create_tensor_over, OrtStatus *,                                                                             \
      (const OrtMemoryInfo *, void *, size_t bytes, const int64_t *dims, size_t, int type, OrtValue **))               \
    X(51, tensor_data, OrtStatus *, (OrtValue *, void **))                                                             \
    X(52, fill_strings, OrtStatus *, (OrtValue *, const char *const *, size_t))                                        \
    X(53, strings_length, OrtStatus *, (const OrtValue *, size_t *))                                                   \
    X(54, strings_content, OrtStatus *, (const OrtValue *, void *, size_t, size_t *offsets, size_t))                   \
    X(55, type_to_shape, OrtStatus *, (const OrtTypeInfo *, const OrtShapeInfo **))                                    \
    X(60, element_type, OrtStatus *, (const OrtShapeInfo *, int *))                                                    \
    X(61, rank, OrtStatus *, (const OrtShapeInfo *, size_t *))                                                         \
    X(62, dims, OrtStatus *, (const OrtShapeInfo *, int64_t *, size_t))                                                \
    X(63, symbols, OrtStatus *, (const OrtShapeInfo *, const char **, size_t))                                         \
    X(65, shape_of, OrtStatus *, (const OrtValue *, OrtShapeInfo **))                                                  \
    X(67, value_kind, OrtStatus *, (const OrtValue *, int *))                                                          \
    X(69, create_cpu_memory, OrtStatus *, (int allocator, int kind, OrtMemoryInfo **))                                 \
    X(76, allocator_free, OrtStatus *, (OrtAllocator *, void *))                                                       \
    X(78, default_allocator, OrtStatus *, (OrtAllocator **))                                                           \
    X(92, release_env, void, (OrtEnv *))                                                                               \
    X(93, release_status, void, (OrtStatus *))                                                                         \
    X(94, release_memory, void, (OrtMemoryInfo *))                                                                     \
    X(95, release_session, void, (OrtSession *))                                                                       \
    X(96, release_value, void, (OrtValue *))                                                                           \
    X(98, release_type, void, (OrtTypeInfo *))                                                                         \
    X(99, release_shape, void, (OrtShapeInfo *))                                                                       \
    X(100, release_options, void, (OrtSessionOptions *))                                                               \
    X(110, end_profiling, OrtStatus *, (OrtSession *, OrtAllocator *, char **file))                                    \
    X(125, providers, OrtStatus *, (char ***, int *))                                                                  \
    X(126, release_providers, OrtStatus *, (char **, int))                                                             \
    X(130, set_config, OrtStatus *, (OrtSessionOptions *, const char *key, const char *value))

typedef struct OrtTable {
#define X(position, name, result, arguments) result(*name) arguments;
    ORT_FUNCTIONS(X)
#undef X
} OrtTable;
#endif
