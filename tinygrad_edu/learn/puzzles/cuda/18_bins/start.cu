__global__ void bins(int* out, const int* x, int n) {
    // your code
}
