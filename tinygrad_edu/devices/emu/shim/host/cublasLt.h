// The matrix product of cuBLASLt, with a bias or ReLU behind it. Column-major, one product or a strided batch.
#pragma once
#include "cublas_v2.h"

typedef struct emu_lt* cublasLtHandle_t;
typedef enum { CUBLASLT_MATMUL_DESC_TRANSA = 3, CUBLASLT_MATMUL_DESC_TRANSB = 4, CUBLASLT_MATMUL_DESC_EPILOGUE = 7, CUBLASLT_MATMUL_DESC_BIAS_POINTER = 8, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER = 14, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD = 15, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE = 26 } cublasLtMatmulDescAttributes_t;
typedef enum { CUBLASLT_EPILOGUE_DEFAULT = 1, CUBLASLT_EPILOGUE_RELU = 2, CUBLASLT_EPILOGUE_BIAS = 4, CUBLASLT_EPILOGUE_RELU_BIAS = 6, CUBLASLT_EPILOGUE_GELU = 32, CUBLASLT_EPILOGUE_GELU_BIAS = 36 } cublasLtEpilogue_t;
typedef enum { CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT = 5, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET = 6 } cublasLtMatrixLayoutAttribute_t;
typedef enum { CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES = 1 } cublasLtMatmulPreferenceAttributes_t;
struct emu_lt_desc { int ta, tb, epilogue; const void* bias; cudaDataType bias_type; };
struct emu_lt_layout { cudaDataType type; uint64_t rows, cols; int64_t ld; int batch; int64_t stride; };
struct emu_lt_preference { size_t workspace; };
typedef emu_lt_desc* cublasLtMatmulDesc_t;
typedef emu_lt_layout* cublasLtMatrixLayout_t;
typedef emu_lt_preference* cublasLtMatmulPreference_t;
struct cublasLtMatmulAlgo_t { uint64_t data[8]; };
struct cublasLtMatmulHeuristicResult_t { cublasLtMatmulAlgo_t algo; size_t workspaceSize; cublasStatus_t state; float wavesCount; int reserved[4]; };

inline cublasStatus_t cublasLtCreate(cublasLtHandle_t* h) { *h = (cublasLtHandle_t)new char; return CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasLtDestroy(cublasLtHandle_t h) { delete (char*)h; return CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* d, cublasComputeType_t, cudaDataType) { *d = new emu_lt_desc{0, 0, 1, nullptr, CUDA_R_32F}; return CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t d) { delete d; return CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t d, cublasLtMatmulDescAttributes_t what, const void* value, size_t) {
    if (what == CUBLASLT_MATMUL_DESC_TRANSA) d->ta = *(const int*)value;
    else if (what == CUBLASLT_MATMUL_DESC_TRANSB) d->tb = *(const int*)value;
    else if (what == CUBLASLT_MATMUL_DESC_EPILOGUE) d->epilogue = *(const int*)value;
    else if (what == CUBLASLT_MATMUL_DESC_BIAS_POINTER) d->bias = *(const void* const*)value;
    else if (what == CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE) d->bias_type = *(const cudaDataType*)value;
    else return CUBLAS_STATUS_NOT_SUPPORTED;
    return CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* l, cudaDataType type, uint64_t rows, uint64_t cols, int64_t ld) { *l = new emu_lt_layout{type, rows, cols, ld, 1, 0}; return CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t l) { delete l; return CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t l, cublasLtMatrixLayoutAttribute_t what, const void* value, size_t) {
    if (what == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT) l->batch = *(const int*)value;
    else l->stride = *(const int64_t*)value;
    return CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* p) { *p = new emu_lt_preference{0}; return CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t p) { delete p; return CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t p, cublasLtMatmulPreferenceAttributes_t, const void* value, size_t) { p->workspace = *(const size_t*)value; return CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatmulPreference_t, int, cublasLtMatmulHeuristicResult_t* to, int* found) {
    *to = {};
    *found = 1;
    return CUBLAS_STATUS_SUCCESS;
}
namespace emu {
cublasStatus_t finish(void* c, cudaDataType type, int rows, int cols, int64_t ld, const void* bias, cudaDataType bias_type, int epilogue);
}
inline cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t d, const void* alpha, const void* a, cublasLtMatrixLayout_t la, const void* b, cublasLtMatrixLayout_t lb, const void* beta, const void* c, cublasLtMatrixLayout_t, void* to, cublasLtMatrixLayout_t lto, const cublasLtMatmulAlgo_t*, void*, size_t, cudaStream_t) {
    auto width = [](cudaDataType t) { return t == CUDA_R_64F ? 8 : t == CUDA_R_32F ? 4 : t == CUDA_R_8I ? 1 : 2; };
    double f = *(const float*)alpha, g = *(const float*)beta;
    if (g != 0 && c != to) return CUBLAS_STATUS_NOT_SUPPORTED;
    int m = (int)lto->rows, n = (int)lto->cols, k = (int)(d->ta ? la->rows : la->cols);
    for (int i = 0; i < lto->batch; ++i) {
        char* out = (char*)to + i * lto->stride * width(lto->type);
        cublasStatus_t s = emu::product({d->ta != 0, d->tb != 0, m, n, k, f, g, (const char*)a + i * la->stride * width(la->type), la->type, (int)la->ld, (const char*)b + i * lb->stride * width(lb->type), lb->type, (int)lb->ld, out, lto->type, (int)lto->ld});
        if (!s && d->epilogue != CUBLASLT_EPILOGUE_DEFAULT) s = emu::finish(out, lto->type, m, n, lto->ld, d->bias, lto->type == CUDA_R_16BF || lto->type == CUDA_R_16F ? (d->bias_type == CUDA_R_32F ? lto->type : d->bias_type) : d->bias_type, d->epilogue);
        if (s) return s;
    }
    return CUBLAS_STATUS_SUCCESS;
}
