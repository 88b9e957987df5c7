__global__ void argmax(int* out, const float* x, int n) {
    // your code
}
