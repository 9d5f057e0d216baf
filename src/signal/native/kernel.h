#pragma once
#include <cstddef>

/**
 * One of the functions that Kernels in ../kernels.ts declares, on a block of LANES samples: float32 and float64 points both
 * have a lane for each of them. Its numbers are addresses, counted from the memory's start, and counts; that they lie
 * within the memory is the caller's to know.
 */
struct Kernel {
  const char *name;
  size_t parameters;
  void (*run)(char *memory, const double *numbers);
};

constexpr size_t LANES = 8;
constexpr size_t KERNELS = 9;

/** The kernels for processors with AVX2 and with AVX-512: kernels.cc, compiled for each. */
namespace avx2 {
extern const Kernel kernels[KERNELS];
}
namespace avx512 {
extern const Kernel kernels[KERNELS];
}
