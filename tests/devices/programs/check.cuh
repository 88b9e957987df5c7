#pragma once
#define CHECK(e) do { cudaError_t err_ = (e); if (err_ != cudaSuccess) { printf("%s:%d %s\n", __FILE__, __LINE__, cudaGetErrorString(err_)); exit(1); } } while (0)
