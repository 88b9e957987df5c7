// Textures and surfaces by objects: reads of a 1-D, 2-D or linear array with addressing and filtering. program.cpp makes them.
#pragma once
#include "driver_types.h"

typedef unsigned long long cudaTextureObject_t;
typedef unsigned long long cudaSurfaceObject_t;
enum cudaChannelFormatKind { cudaChannelFormatKindSigned, cudaChannelFormatKindUnsigned, cudaChannelFormatKindFloat, cudaChannelFormatKindNone };
struct cudaChannelFormatDesc { int x, y, z, w; cudaChannelFormatKind f; };
enum cudaTextureAddressMode { cudaAddressModeWrap, cudaAddressModeClamp, cudaAddressModeMirror, cudaAddressModeBorder };
enum cudaTextureFilterMode { cudaFilterModePoint, cudaFilterModeLinear };
enum cudaTextureReadMode { cudaReadModeElementType, cudaReadModeNormalizedFloat };
enum cudaResourceType { cudaResourceTypeArray, cudaResourceTypeMipmappedArray, cudaResourceTypeLinear, cudaResourceTypePitch2D };
enum { cudaArrayDefault = 0, cudaArrayLayered = 1, cudaArraySurfaceLoadStore = 2, cudaArrayTextureGather = 8 };
struct cudaArray { size_t width, height; cudaChannelFormatDesc format; char* data; };   // rows one after another, on the host
typedef cudaArray* cudaArray_t;
typedef const cudaArray* cudaArray_const_t;
struct cudaResourceDesc {
    cudaResourceType resType;
    union {
        struct { cudaArray_t array; } array;
        struct { void* devPtr; cudaChannelFormatDesc desc; size_t sizeInBytes; } linear;
        struct { void* devPtr; cudaChannelFormatDesc desc; size_t width, height, pitchInBytes; } pitch2D;
    } res;
};
struct cudaTextureDesc {
    cudaTextureAddressMode addressMode[3];
    cudaTextureFilterMode filterMode;
    cudaTextureReadMode readMode;
    int sRGB;
    float borderColor[4];
    int normalizedCoords;
    unsigned maxAnisotropy;
};
struct cudaResourceViewDesc {};

template <class T> inline cudaChannelFormatDesc cudaCreateChannelDesc() {
    constexpr bool vector = requires(T v) { v.x; };
    auto kind = []<class E>(E) { return std::is_floating_point_v<E> ? cudaChannelFormatKindFloat : std::is_signed_v<E> ? cudaChannelFormatKindSigned : cudaChannelFormatKindUnsigned; };
    if constexpr (vector) {
        typedef decltype(T::x) E;
        int bits = 8 * sizeof(E), n = sizeof(T) / sizeof(E);
        return {bits, n > 1 ? bits : 0, n > 2 ? bits : 0, n > 3 ? bits : 0, kind(E())};
    } else return {8 * sizeof(T), 0, 0, 0, kind(T())};
}
inline cudaChannelFormatDesc cudaCreateChannelDesc(int x, int y, int z, int w, cudaChannelFormatKind f) { return {x, y, z, w, f}; }

namespace emu {
struct Texture { const char* data; size_t width, height, pitch; int bytes; bool on_device; cudaTextureDesc how; };

// The element that a coordinate stands for, -1: the border.
static EMU_UNSEEN long long texel(long long i, long long n, cudaTextureAddressMode mode) {
    if (i >= 0 && i < n) return i;
    if (mode == cudaAddressModeBorder) return -1;
    if (mode == cudaAddressModeWrap) return (i % n + n) % n;
    if (mode == cudaAddressModeMirror) { i = (i % (2 * n) + 2 * n) % (2 * n); return i < n ? i : 2 * n - 1 - i; }
    return i < 0 ? 0 : n - 1;
}
template <class T> EMU_UNSEEN T texel_at(const Texture& t, long long x, long long y) {
    long long i = texel(x, (long long)t.width, t.how.addressMode[0]), j = t.height ? texel(y, (long long)t.height, t.how.addressMode[1]) : 0;
    T value{};
    if (i >= 0 && j >= 0) memcpy(&value, t.data + (size_t)j * t.pitch + (size_t)i * sizeof(T), sizeof(T));
    return value;
}
template <class T> EMU_UNSEEN T sampled(cudaTextureObject_t object, float x, float y) {
    const Texture& t = *(const Texture*)object;
    if (t.how.normalizedCoords) x *= (float)t.width, y *= (float)t.height;
    if constexpr (std::is_floating_point_v<T>) if (t.how.filterMode == cudaFilterModeLinear) {
        float u = x - 0.5f, v = t.height ? y - 0.5f : 0;
        long long i = (long long)floorf(u), j = (long long)floorf(v);
        float a = u - (float)i, b = v - (float)j;
        a = roundf(a * 256) / 256, b = roundf(b * 256) / 256;      // 8 bits of fraction, as the hardware has
        return (1 - a) * (1 - b) * texel_at<T>(t, i, j) + a * (1 - b) * texel_at<T>(t, i + 1, j) + (1 - a) * b * texel_at<T>(t, i, j + 1) + a * b * texel_at<T>(t, i + 1, j + 1);
    }
    return texel_at<T>(t, (long long)floorf(x), (long long)floorf(y));
}
}  // namespace emu
template <class T> inline T tex1Dfetch(cudaTextureObject_t t, int x) { return emu::texel_at<T>(*(const emu::Texture*)t, x, 0); }
template <class T> inline T tex1D(cudaTextureObject_t t, float x) { return emu::sampled<T>(t, x, 0); }
template <class T> inline T tex2D(cudaTextureObject_t t, float x, float y) { return emu::sampled<T>(t, x, y); }
template <class T> inline void tex2D(T* to, cudaTextureObject_t t, float x, float y) { *to = emu::sampled<T>(t, x, y); }
template <class T> EMU_UNSEEN void surf2Dwrite(T value, cudaSurfaceObject_t s, int x, int y, int = 0) {        // x in bytes
    cudaArray& a = *(cudaArray*)s;
    if (x >= 0 && y >= 0 && (size_t)y < a.height) memcpy(a.data + ((size_t)y * a.width) * sizeof(T) + x, &value, sizeof(T));
}
template <class T> EMU_UNSEEN void surf2Dread(T* to, cudaSurfaceObject_t s, int x, int y, int = 0) {
    cudaArray& a = *(cudaArray*)s;
    if (x >= 0 && y >= 0 && (size_t)y < a.height) memcpy(to, a.data + ((size_t)y * a.width) * sizeof(T) + x, sizeof(T));
}
template <class T> inline T surf2Dread(cudaSurfaceObject_t s, int x, int y, int = 0) { T v{}; surf2Dread(&v, s, x, y); return v; }

cudaError_t cudaMallocArray(cudaArray_t* to, const cudaChannelFormatDesc* format, size_t width, size_t height = 0, unsigned flags = 0);
cudaError_t cudaFreeArray(cudaArray_t a);
cudaError_t cudaMemcpy2DToArray(cudaArray_t to, size_t x, size_t y, const void* from, size_t pitch, size_t width, size_t height, cudaMemcpyKind kind);
cudaError_t cudaMemcpy2DFromArray(void* to, size_t pitch, cudaArray_const_t from, size_t x, size_t y, size_t width, size_t height, cudaMemcpyKind kind);
cudaError_t cudaMemcpyToArray(cudaArray_t to, size_t x, size_t y, const void* from, size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaCreateTextureObject(cudaTextureObject_t* to, const cudaResourceDesc* what, const cudaTextureDesc* how, const cudaResourceViewDesc*);
cudaError_t cudaDestroyTextureObject(cudaTextureObject_t t);
inline cudaError_t cudaCreateSurfaceObject(cudaSurfaceObject_t* to, const cudaResourceDesc* what) { *to = (cudaSurfaceObject_t)what->res.array.array; return cudaSuccess; }
inline cudaError_t cudaDestroySurfaceObject(cudaSurfaceObject_t) { return cudaSuccess; }
