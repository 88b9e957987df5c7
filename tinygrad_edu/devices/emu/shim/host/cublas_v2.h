// The commonest calls of cuBLAS, column-major as there. Loops of our own on the host, or the BLAS whose path
// TINYGRAD_EDU_EMU_BLAS names (program.py sets it to NumPy's).
#pragma once
#include "cuda_runtime.h"
#include "cuda_bf16.h"
#include "cuda_fp16.h"
#include "library_types.h"

typedef struct emu_blas* cublasHandle_t;
struct emu_blas { bool scalars_on_device; };
typedef enum { CUBLAS_STATUS_SUCCESS = 0, CUBLAS_STATUS_NOT_INITIALIZED = 1, CUBLAS_STATUS_ALLOC_FAILED = 3, CUBLAS_STATUS_INVALID_VALUE = 7, CUBLAS_STATUS_ARCH_MISMATCH = 8, CUBLAS_STATUS_MAPPING_ERROR = 11, CUBLAS_STATUS_EXECUTION_FAILED = 13, CUBLAS_STATUS_INTERNAL_ERROR = 14, CUBLAS_STATUS_NOT_SUPPORTED = 15 } cublasStatus_t;
typedef enum { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1, CUBLAS_OP_C = 2 } cublasOperation_t;
typedef enum { CUBLAS_POINTER_MODE_HOST = 0, CUBLAS_POINTER_MODE_DEVICE = 1 } cublasPointerMode_t;
typedef enum { CUBLAS_DEFAULT_MATH = 0, CUBLAS_TENSOR_OP_MATH = 1, CUBLAS_PEDANTIC_MATH = 2, CUBLAS_TF32_TENSOR_OP_MATH = 3 } cublasMath_t;
typedef enum { CUBLAS_COMPUTE_16F = 64, CUBLAS_COMPUTE_32F = 68, CUBLAS_COMPUTE_32F_PEDANTIC = 69, CUBLAS_COMPUTE_32F_FAST_16F = 74, CUBLAS_COMPUTE_32F_FAST_16BF = 75, CUBLAS_COMPUTE_32F_FAST_TF32 = 77, CUBLAS_COMPUTE_64F = 70, CUBLAS_COMPUTE_32I = 72 } cublasComputeType_t;
typedef enum { CUBLAS_GEMM_DFALT = -1, CUBLAS_GEMM_DEFAULT = -1, CUBLAS_GEMM_DEFAULT_TENSOR_OP = 99, CUBLAS_GEMM_DFALT_TENSOR_OP = 99 } cublasGemmAlgo_t;
typedef enum { CUBLAS_SIDE_LEFT, CUBLAS_SIDE_RIGHT } cublasSideMode_t;
typedef enum { CUBLAS_FILL_MODE_LOWER, CUBLAS_FILL_MODE_UPPER, CUBLAS_FILL_MODE_FULL } cublasFillMode_t;

namespace emu {
// A column-major matrix product of any of the types, summed in float or double: C = alpha op(A) op(B) + beta C.
struct Product {
    bool turn_a, turn_b;
    int m, n, k;
    double alpha, beta;
    const void* a; cudaDataType type_a; int lda;
    const void* b; cudaDataType type_b; int ldb;
    void* c; cudaDataType type_c; int ldc;
};
cublasStatus_t product(const Product& p);
const void* on_host(const void* device);     // where the host reads device memory; null if it is none
template <class T> constexpr cudaDataType type_of() {
    return std::is_same_v<T, double> ? CUDA_R_64F : std::is_same_v<T, __half> ? CUDA_R_16F : std::is_same_v<T, __nv_bfloat16> ? CUDA_R_16BF : CUDA_R_32F;
}
template <class T> inline double scalar(cublasHandle_t h, const T* p) { return (double)(float)*(const T*)(h->scalars_on_device ? on_host(p) : p); }
template <> inline double scalar(cublasHandle_t h, const double* p) { return *(const double*)(h->scalars_on_device ? on_host(p) : p); }
template <class T> inline T* vector(T* p) { return (T*)on_host(p); }
}  // namespace emu

inline cublasStatus_t cublasCreate(cublasHandle_t* h) { *h = new emu_blas{false}; return CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasDestroy(cublasHandle_t h) { delete h; return CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasSetStream(cublasHandle_t, cudaStream_t) { return CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasGetStream(cublasHandle_t, cudaStream_t* s) { *s = nullptr; return CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasSetMathMode(cublasHandle_t, cublasMath_t) { return CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasSetWorkspace(cublasHandle_t, void*, size_t) { return CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasSetPointerMode(cublasHandle_t h, cublasPointerMode_t mode) { h->scalars_on_device = mode == CUBLAS_POINTER_MODE_DEVICE; return CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasGetVersion(cublasHandle_t, int* v) { *v = 120600; return CUBLAS_STATUS_SUCCESS; }
inline const char* cublasGetStatusString(cublasStatus_t s) { return s == CUBLAS_STATUS_SUCCESS ? "CUBLAS_STATUS_SUCCESS" : s == CUBLAS_STATUS_INVALID_VALUE ? "CUBLAS_STATUS_INVALID_VALUE" : "CUBLAS_STATUS_EXECUTION_FAILED"; }
inline const char* cublasGetStatusName(cublasStatus_t s) { return cublasGetStatusString(s); }
inline cublasStatus_t cublasSetVector(int n, int size, const void* x, int dx, void* y, int dy) {
    return cudaMemcpy2D(y, (size_t)dy * size, x, (size_t)dx * size, size, n, cudaMemcpyHostToDevice) ? CUBLAS_STATUS_MAPPING_ERROR : CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasGetVector(int n, int size, const void* x, int dx, void* y, int dy) {
    return cudaMemcpy2D(y, (size_t)dy * size, x, (size_t)dx * size, size, n, cudaMemcpyDeviceToHost) ? CUBLAS_STATUS_MAPPING_ERROR : CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasSetMatrix(int rows, int cols, int size, const void* a, int lda, void* b, int ldb) {
    return cudaMemcpy2D(b, (size_t)ldb * size, a, (size_t)lda * size, (size_t)rows * size, cols, cudaMemcpyHostToDevice) ? CUBLAS_STATUS_MAPPING_ERROR : CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasGetMatrix(int rows, int cols, int size, const void* a, int lda, void* b, int ldb) {
    return cudaMemcpy2D(b, (size_t)ldb * size, a, (size_t)lda * size, (size_t)rows * size, cols, cudaMemcpyDeviceToHost) ? CUBLAS_STATUS_MAPPING_ERROR : CUBLAS_STATUS_SUCCESS; }

#define EMU_GEMM(name, T)                                                                                                                     \
    inline cublasStatus_t name(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k, const T* alpha, const T* a, \
                               int lda, const T* b, int ldb, const T* beta, T* c, int ldc) {                                                  \
        return emu::product({ta != CUBLAS_OP_N, tb != CUBLAS_OP_N, m, n, k, emu::scalar(h, alpha), emu::scalar(h, beta), a,                   \
                             emu::type_of<T>(), lda, b, emu::type_of<T>(), ldb, c, emu::type_of<T>(), ldc}); }                                \
    inline cublasStatus_t name##StridedBatched(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k,             \
                                               const T* alpha, const T* a, int lda, long long sa, const T* b, int ldb, long long sb,          \
                                               const T* beta, T* c, int ldc, long long sc, int count) {                                       \
        for (int i = 0; i < count; ++i)                                                                                                       \
            if (auto s = name(h, ta, tb, m, n, k, alpha, a + i * sa, lda, b + i * sb, ldb, beta, c + i * sc, ldc)) return s;                  \
        return CUBLAS_STATUS_SUCCESS; }                                                                                                       \
    inline cublasStatus_t name##Batched(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k, const T* alpha,    \
                                        const T* const a[], int lda, const T* const b[], int ldb, const T* beta, T* const c[], int ldc,       \
                                        int count) {                                                                                          \
        auto *pa = emu::vector((T**)a), *pb = emu::vector((T**)b), *pc = emu::vector((T**)c);                                                 \
        if (!pa || !pb || !pc) return CUBLAS_STATUS_INVALID_VALUE;                                                                            \
        for (int i = 0; i < count; ++i)                                                                                                       \
            if (auto s = name(h, ta, tb, m, n, k, alpha, pa[i], lda, pb[i], ldb, beta, pc[i], ldc)) return s;                                 \
        return CUBLAS_STATUS_SUCCESS; }
EMU_GEMM(cublasSgemm, float)
EMU_GEMM(cublasDgemm, double)
EMU_GEMM(cublasHgemm, __half)

namespace emu {
inline double scalar_as(cublasHandle_t h, const void* p, int compute) {
    return compute == CUBLAS_COMPUTE_64F || compute == CUDA_R_64F ? scalar(h, (const double*)p) : compute == CUBLAS_COMPUTE_16F || compute == CUDA_R_16F ? scalar(h, (const __half*)p) : scalar(h, (const float*)p);
}
}  // namespace emu
inline cublasStatus_t cublasGemmEx(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k, const void* alpha, const void* a, cudaDataType at, int lda, const void* b, cudaDataType bt, int ldb, const void* beta, void* c, cudaDataType ct, int ldc, int compute, int) {
    return emu::product({ta != CUBLAS_OP_N, tb != CUBLAS_OP_N, m, n, k, emu::scalar_as(h, alpha, compute), emu::scalar_as(h, beta, compute), a, at, lda, b, bt, ldb, c, ct, ldc});
}
inline cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k, const void* alpha, const void* a, cudaDataType at, int lda, long long sa, const void* b, cudaDataType bt, int ldb, long long sb, const void* beta, void* c, cudaDataType ct, int ldc, long long sc, int count, int compute, int algo) {
    auto width = [](cudaDataType t) { return t == CUDA_R_64F ? 8 : t == CUDA_R_32F ? 4 : t == CUDA_R_8I ? 1 : 2; };
    for (int i = 0; i < count; ++i)
        if (auto s = cublasGemmEx(h, ta, tb, m, n, k, alpha, (const char*)a + i * sa * width(at), at, lda, (const char*)b + i * sb * width(bt), bt, ldb, beta, (char*)c + i * sc * width(ct), ct, ldc, compute, algo)) return s;
    return CUBLAS_STATUS_SUCCESS;
}
#define EMU_BLAS1(letter, T, index_name)                                                                                                    \
    inline cublasStatus_t cublas##letter##gemv(cublasHandle_t h, cublasOperation_t t, int m, int n, const T* alpha, const T* a, int lda,    \
                                               const T* x, int dx, const T* beta, T* y, int dy) {                                           \
        T *pa = emu::vector((T*)a), *px = emu::vector((T*)x), *py = emu::vector(y), f = (T)emu::scalar(h, alpha), g = (T)emu::scalar(h, beta); \
        if (!pa || !px || !py) return CUBLAS_STATUS_INVALID_VALUE;                                                                          \
        for (int i = 0; i < (t == CUBLAS_OP_N ? m : n); ++i) {                                                                              \
            T s = 0;                                                                                                                        \
            for (int j = 0; j < (t == CUBLAS_OP_N ? n : m); ++j) s += (t == CUBLAS_OP_N ? pa[i + (size_t)j * lda] : pa[j + (size_t)i * lda]) * px[j * dx]; \
            py[i * dy] = f * s + (g == 0 ? 0 : g * py[i * dy]);                                                                             \
        }                                                                                                                                   \
        return CUBLAS_STATUS_SUCCESS; }                                                                                                     \
    inline cublasStatus_t cublas##letter##axpy(cublasHandle_t h, int n, const T* alpha, const T* x, int dx, T* y, int dy) {                 \
        T *px = emu::vector((T*)x), *py = emu::vector(y), f = (T)emu::scalar(h, alpha);                                                     \
        if (!px || !py) return CUBLAS_STATUS_INVALID_VALUE;                                                                                 \
        for (int i = 0; i < n; ++i) py[i * dy] += f * px[i * dx];                                                                           \
        return CUBLAS_STATUS_SUCCESS; }                                                                                                     \
    inline cublasStatus_t cublas##letter##scal(cublasHandle_t h, int n, const T* alpha, T* x, int dx) {                                     \
        T *px = emu::vector(x), f = (T)emu::scalar(h, alpha);                                                                               \
        if (!px) return CUBLAS_STATUS_INVALID_VALUE;                                                                                        \
        for (int i = 0; i < n; ++i) px[i * dx] *= f;                                                                                        \
        return CUBLAS_STATUS_SUCCESS; }                                                                                                     \
    inline cublasStatus_t cublas##letter##copy(cublasHandle_t, int n, const T* x, int dx, T* y, int dy) {                                   \
        T *px = emu::vector((T*)x), *py = emu::vector(y);                                                                                   \
        if (!px || !py) return CUBLAS_STATUS_INVALID_VALUE;                                                                                 \
        for (int i = 0; i < n; ++i) py[i * dy] = px[i * dx];                                                                                \
        return CUBLAS_STATUS_SUCCESS; }                                                                                                     \
    inline cublasStatus_t cublas##letter##dot(cublasHandle_t h, int n, const T* x, int dx, const T* y, int dy, T* out) {                    \
        T *px = emu::vector((T*)x), *py = emu::vector((T*)y), *to = h->scalars_on_device ? emu::vector(out) : out;                          \
        if (!px || !py || !to) return CUBLAS_STATUS_INVALID_VALUE;                                                                          \
        double s = 0;                                                                                                                       \
        for (int i = 0; i < n; ++i) s += (double)px[i * dx] * py[i * dy];                                                                   \
        *to = (T)s;                                                                                                                         \
        return CUBLAS_STATUS_SUCCESS; }                                                                                                     \
    inline cublasStatus_t cublas##letter##nrm2(cublasHandle_t h, int n, const T* x, int dx, T* out) {                                       \
        T *px = emu::vector((T*)x), *to = h->scalars_on_device ? emu::vector(out) : out;                                                    \
        if (!px || !to) return CUBLAS_STATUS_INVALID_VALUE;                                                                                 \
        double s = 0;                                                                                                                       \
        for (int i = 0; i < n; ++i) s += (double)px[i * dx] * px[i * dx];                                                                   \
        *to = (T)sqrt(s);                                                                                                                   \
        return CUBLAS_STATUS_SUCCESS; }                                                                                                     \
    inline cublasStatus_t cublas##letter##asum(cublasHandle_t h, int n, const T* x, int dx, T* out) {                                       \
        T *px = emu::vector((T*)x), *to = h->scalars_on_device ? emu::vector(out) : out;                                                    \
        if (!px || !to) return CUBLAS_STATUS_INVALID_VALUE;                                                                                 \
        double s = 0;                                                                                                                       \
        for (int i = 0; i < n; ++i) s += fabs((double)px[i * dx]);                                                                          \
        *to = (T)s;                                                                                                                         \
        return CUBLAS_STATUS_SUCCESS; }                                                                                                     \
    inline cublasStatus_t index_name(cublasHandle_t h, int n, const T* x, int dx, int* out) {                                               \
        T* px = emu::vector((T*)x);                                                                                                         \
        int best = 0, *to = h->scalars_on_device ? emu::vector(out) : out;                                                                  \
        if (!px || !to) return CUBLAS_STATUS_INVALID_VALUE;                                                                                 \
        for (int i = 1; i < n; ++i) if (fabs((double)px[i * dx]) > fabs((double)px[best * dx])) best = i;                                   \
        *to = n ? best + 1 : 0;                                                                                                             \
        return CUBLAS_STATUS_SUCCESS; }
EMU_BLAS1(S, float, cublasIsamax)
EMU_BLAS1(D, double, cublasIdamax)
#define cublasCreate_v2 cublasCreate
#define cublasDestroy_v2 cublasDestroy
#define cublasSgemm_v2 cublasSgemm
#define cublasDgemm_v2 cublasDgemm
