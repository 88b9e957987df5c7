// clone_contiguous: a row-major copy of a turned view; x (rows, cols) is the memory as it stands, out (cols, rows) its transpose
//
//  rung  idea                                       bytes per element   FLOPs per element
//  1     a thread an element                        8 (36 moved)        0
//  2     turned in a shared tile                    8                   0
//  3     the tile's rows one bank apart             8                   0
//
// Every rung reads whole lines. Rung 1 stores 4 bytes into each of 32 lines, and memory moves at least 32 bytes for each.
// blockIdx.z counts a stack of matrices.
// Reference: M. Harris, 2013, "An Efficient Matrix Transpose in CUDA C/C++"
#include "common.cuh"

constexpr int TILE = 32, STEP = 8;  // a block of 32 x 8 threads turns 32 x 32 elements

extern "C" __global__ void clone_contiguous_1_naive(float* __restrict__ out, const float* __restrict__ x, int rows, int cols) {
    long long start = blockIdx.z * (long long)rows * cols;
    int col = blockIdx.x * TILE + threadIdx.x, first = blockIdx.y * TILE + threadIdx.y;
    for (int row = first; row < first + TILE; row += STEP)
        if (row < rows && col < cols) out[start + (long long)col * rows + row] = x[start + (long long)row * cols + col];
}

extern "C" __global__ void clone_contiguous_2_shared(float* __restrict__ out, const float* __restrict__ x, int rows, int cols) {
    __shared__ float tile[TILE][TILE];
    long long start = blockIdx.z * (long long)rows * cols;
    int first_row = blockIdx.y * TILE, first_col = blockIdx.x * TILE;
    // Fetch: lanes along the rows of x.
    for (int r = threadIdx.y; r < TILE; r += STEP) {
        int row = first_row + r, col = first_col + threadIdx.x;
        if (row < rows && col < cols) tile[r][threadIdx.x] = x[start + (long long)row * cols + col];
    }
    __syncthreads();  // the tile is there
    // Store: lanes along the rows of out, so down a column of the tile; all 32 elements lie in one bank.
    for (int c = threadIdx.y; c < TILE; c += STEP) {
        int row = first_row + threadIdx.x, col = first_col + c;
        if (row < rows && col < cols) out[start + (long long)col * rows + row] = tile[threadIdx.x][c];
    }
}

// As rung 2, but rows of the tile are 33 words long: a column now runs through all 32 banks.
extern "C" __global__ void clone_contiguous_3_padded(float* __restrict__ out, const float* __restrict__ x, int rows, int cols) {
    __shared__ float tile[TILE][TILE + 1];
    long long start = blockIdx.z * (long long)rows * cols;
    int first_row = blockIdx.y * TILE, first_col = blockIdx.x * TILE;
    // Fetch
    for (int r = threadIdx.y; r < TILE; r += STEP) {
        int row = first_row + r, col = first_col + threadIdx.x;
        if (row < rows && col < cols) tile[r][threadIdx.x] = x[start + (long long)row * cols + col];
    }
    __syncthreads();  // the tile is there
    // Store
    for (int c = threadIdx.y; c < TILE; c += STEP) {
        int row = first_row + threadIdx.x, col = first_col + c;
        if (row < rows && col < cols) out[start + (long long)col * rows + row] = tile[threadIdx.x][c];
    }
}
