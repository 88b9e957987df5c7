__global__ void broadcast(float* out, const float* a, const float* b, int rows, int cols) {
    // your code
}
