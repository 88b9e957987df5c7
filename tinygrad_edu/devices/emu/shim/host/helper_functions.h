// The helpers of NVIDIA's samples together.
#pragma once
#include "helper_string.h"
#include "helper_timer.h"
#include <cassert>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#ifndef EXIT_WAIVED
#define EXIT_WAIVED 2
#endif
inline bool sdkCompareL2fe(const float* reference, const float* data, unsigned n, float epsilon) {
    float error = 0, size = 0;
    for (unsigned i = 0; i < n; ++i) error += (reference[i] - data[i]) * (reference[i] - data[i]), size += reference[i] * reference[i];
    return size > 1e-7f && sqrtf(error) / sqrtf(size) < epsilon;
}
template <class T, class E> inline bool compareData(const T* reference, const T* data, unsigned n, E epsilon, float threshold) {
    unsigned bad = 0;
    for (unsigned i = 0; i < n; ++i) bad += !(fabs((double)reference[i] - (double)data[i]) <= (double)epsilon);
    return threshold == 0 ? bad == 0 : (float)bad < threshold * (float)n;
}
template <class T, class E> inline bool sdkWriteFile(const char* name, const T* data, unsigned n, E, bool, bool = false) {
    std::ofstream file(name);
    for (unsigned i = 0; i < n; ++i) file << data[i] << ' ';
    return file.good();
}
template <class T> inline bool sdkReadFile(const char* name, T** data, unsigned* n, bool) {
    std::ifstream file(name);
    std::vector<T> all;
    for (T v; file >> v;) all.push_back(v);
    if (all.empty()) return false;
    if (!*data) *data = (T*)malloc(all.size() * sizeof(T)), *n = (unsigned)all.size();
    memcpy(*data, all.data(), *n * sizeof(T));
    return true;
}
