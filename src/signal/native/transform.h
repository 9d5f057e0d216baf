/**
 * The transforms of ../kernels/transform.ts, which explains them. Points are contiguous, so where a range of points
 * is treated alike, a vector may hold several points or a part of one. Strides and distances are bytes.
 */
#pragma once
#include "vectors.h"

namespace LEVEL {

template <class Vector>
inline void splitPoint(char *p, size_t quarter, Vector x0, Vector x1, Vector x2, Vector x3) {
  const Vector even = x0 + x2, odd = x1 + x3;
  store(p, even + odd);
  store(p + quarter, even - odd);
  store(p + 2 * quarter, x0 - x2);
  store(p + 3 * quarter, x1 - x3);
}

/** The real step on four quarters of `quarter` bytes each. */
template <class Vector>
inline void split(char *points, size_t quarter) {
  for (char *p = points; p < points + quarter; p += sizeof(Vector)) {
    splitPoint(p, quarter, load<Vector>(p), load<Vector>(p + quarter), load<Vector>(p + 2 * quarter),
               load<Vector>(p + 3 * quarter));
  }
}

template <class Vector>
inline void join(char *points, size_t quarter) {
  for (char *p = points; p < points + quarter; p += sizeof(Vector)) {
    const Vector y0 = load<Vector>(p), y1 = load<Vector>(p + quarter);
    const Vector y2 = load<Vector>(p + 2 * quarter), y3 = load<Vector>(p + 3 * quarter);
    const Vector even = y0 + y1, odd = y0 - y1;
    store(p, even + y2);
    store(p + quarter, odd + y3);
    store(p + 2 * quarter, even - y2);
    store(p + 3 * quarter, odd - y3);
  }
}

/** The roots r, r^2, r^3 of a block, in all lanes. */
template <class Vector>
struct Twiddles {
  static constexpr size_t COUNT = 6;
  Vector r1, i1, r2, i2, r3, i3;
  explicit Twiddles(const Number<Vector> *t)
      : r1(all<Vector>(t[0])), i1(all<Vector>(t[1])), r2(all<Vector>(t[2])), i2(all<Vector>(t[3])),
        r3(all<Vector>(t[4])), i3(all<Vector>(t[5])) {}
};

/** One complex number per lane. */
template <class Vector>
struct Complex {
  Vector re, im;
};

template <class Vector>
inline Complex<Vector> load(const char *at, size_t imaginary) {
  return {load<Vector>(at), load<Vector>(at + imaginary)};
}

template <class Vector>
inline void store(char *at, size_t imaginary, Vector re, Vector im) {
  store(at, re);
  store(at + imaginary, im);
}

template <class Vector>
inline Complex<Vector> times(Complex<Vector> x, Vector re, Vector im) {
  return {x.re * re - x.im * im, x.re * im + x.im * re};
}

template <class Vector>
inline Complex<Vector> timesConjugate(Vector xr, Vector xi, Vector re, Vector im) {
  return {xr * re + xi * im, xi * re - xr * im};
}

/** The values of four quarters at one place. */
template <class Vector>
struct Quarters {
  Complex<Vector> x0, x1, x2, x3;
};

/** The step forward for the four points from `z` on that are a quarter apart. */
template <class Vector>
inline Quarters<Vector> forward(const char *z, size_t imaginary, size_t quarter, const Twiddles<Vector> &t) {
  const auto y2 = times(load<Vector>(z + 2 * quarter, imaginary), t.r2, t.i2);
  const auto x = load<Vector>(z, imaginary);
  const Vector ar = x.re + y2.re, ai = x.im + y2.im, br = x.re - y2.re, bi = x.im - y2.im;
  const auto y1 = times(load<Vector>(z + quarter, imaginary), t.r1, t.i1);
  const auto y3 = times(load<Vector>(z + 3 * quarter, imaginary), t.r3, t.i3);
  const Vector cr = y1.re + y3.re, ci = y1.im + y3.im, dr = y1.re - y3.re, di = y1.im - y3.im;
  return {{ar + cr, ai + ci}, {br - di, bi + dr}, {ar - cr, ai - ci}, {br + di, bi - dr}};
}

/** The inverse of forward, scaled by 4: writes four points, a quarter apart, from `z` on. */
template <class Vector>
inline void backward(const Quarters<Vector> &q, char *z, size_t imaginary, size_t quarter, const Twiddles<Vector> &t) {
  const Vector ar = q.x0.re + q.x2.re, ai = q.x0.im + q.x2.im, cr = q.x0.re - q.x2.re, ci = q.x0.im - q.x2.im;
  const Vector br = q.x1.re + q.x3.re, bi = q.x1.im + q.x3.im, dr = q.x1.re - q.x3.re, di = q.x1.im - q.x3.im;
  store(z, imaginary, ar + br, ai + bi);
  const auto y2 = timesConjugate(ar - br, ai - bi, t.r2, t.i2);
  store(z + 2 * quarter, imaginary, y2.re, y2.im);
  const auto y1 = timesConjugate(cr + di, ci - dr, t.r1, t.i1);
  store(z + quarter, imaginary, y1.re, y1.im);
  const auto y3 = timesConjugate(cr - di, ci + dr, t.r3, t.i3);
  store(z + 3 * quarter, imaginary, y3.re, y3.im);
}

/** One step on all blocks of four quarters in `size` bytes. The twiddles of the blocks follow one another. */
template <class Vector>
inline void forwardPass(char *z, size_t imaginary, size_t size, size_t quarter, const Number<Vector> *twiddles) {
  for (char *end = z + size; z < end; z += 3 * quarter) {
    const Twiddles<Vector> t(twiddles);
    twiddles += t.COUNT;
    for (char *stop = z + quarter; z < stop; z += sizeof(Vector)) {
      const auto q = forward(z, imaginary, quarter, t);
      store(z, imaginary, q.x0.re, q.x0.im);
      store(z + quarter, imaginary, q.x1.re, q.x1.im);
      store(z + 2 * quarter, imaginary, q.x2.re, q.x2.im);
      store(z + 3 * quarter, imaginary, q.x3.re, q.x3.im);
    }
  }
}

/** The inverse of forwardPass, scaled by 4. */
template <class Vector>
inline void inversePass(char *z, size_t imaginary, size_t size, size_t quarter, const Number<Vector> *twiddles) {
  for (char *end = z + size; z < end; z += 3 * quarter) {
    const Twiddles<Vector> t(twiddles);
    twiddles += t.COUNT;
    for (char *stop = z + quarter; z < stop; z += sizeof(Vector)) {
      const Quarters<Vector> q{load<Vector>(z, imaginary), load<Vector>(z + quarter, imaginary),
                               load<Vector>(z + 2 * quarter, imaginary), load<Vector>(z + 3 * quarter, imaginary)};
      backward(q, z, imaginary, quarter, t);
    }
  }
}

/**
 * The last step for blocks that end with two points, then each value times its factor, then the inverse, scaled by 2.
 */
inline void filterPairs(char *z, size_t imaginary, size_t size, const float *twiddles, const float *factors) {
  typedef FloatPoint Point;
  for (char *end = z + size; z < end; z += 2 * FLOATS) {
    const Twiddles<Point> t(twiddles);
    const Point f0 = all<Point>(factors[0]), f1 = all<Point>(factors[1]);
    twiddles += t.COUNT, factors += 2;
    const auto y = times(load<Point>(z + FLOATS, imaginary), t.r2, t.i2);
    const auto x = load<Point>(z, imaginary);
    const Point ur = f0 * (x.re + y.re), ui = f0 * (x.im + y.im);
    const Point vr = f1 * (x.re - y.re), vi = f1 * (x.im - y.im);
    store(z, imaginary, ur + vr, ui + vi);
    const auto d = timesConjugate(ur - vr, ui - vi, t.r2, t.i2);
    store(z + FLOATS, imaginary, d.re, d.im);
  }
}

template <class Vector>
inline Complex<Vector> times(Complex<Vector> x, Number<Vector> factor) {
  const Vector f = all<Vector>(factor);
  return {f * x.re, f * x.im};
}

/** forwardPass for blocks of four points, then each value times its factor, then the inverse, scaled by 4. */
inline void filterQuads(char *z, size_t imaginary, size_t size, const float *twiddles, const float *factors) {
  for (char *end = z + size; z < end; z += 4 * FLOATS) {
    const Twiddles<FloatPoint> t(twiddles);
    const auto q = forward(z, imaginary, FLOATS, t);
    const Quarters<FloatPoint> filtered{times(q.x0, factors[0]), times(q.x1, factors[1]), times(q.x2, factors[2]),
                                        times(q.x3, factors[3])};
    backward(filtered, z, imaginary, FLOATS, t);
    twiddles += t.COUNT, factors += 4;
  }
}

/** Transforms one complex block of `size` points, multiplies it by the factors, and transforms it back. */
inline void filterBlock(char *z, size_t size, const float *twiddles, const float *factors) {
  const size_t bytes = size * FLOATS;
  constexpr size_t COUNT = Twiddles<Floats>::COUNT;
  size_t n = size, blocks = 1;
  for (; n > 4; n /= 4, blocks *= 4) {
    forwardPass<Floats>(z, bytes, bytes, n / 4 * FLOATS, twiddles);
    twiddles += COUNT * blocks;
  }
  if (n == 4) filterQuads(z, bytes, bytes, twiddles, factors);
  else filterPairs(z, bytes, bytes, twiddles, factors);
  while (n < size) {
    n *= 4, blocks /= 4;
    twiddles -= COUNT * blocks;
    inversePass<Floats>(z, bytes, bytes, n / 4 * FLOATS, twiddles);
  }
}

/** splitPoint on the whole block, with the points multiplied by a taper of `length` numbers. */
inline void splitTapered(char *points, size_t length, const float *taper) {
  const size_t q = length / 4, quarter = q * FLOATS;
  for (char *p = points; p < points + quarter; p += sizeof(Floats), taper += POINTS) {
    splitPoint(p, quarter, load<Floats>(p) * spread(taper), load<Floats>(p + quarter) * spread(taper + q),
               load<Floats>(p + 2 * quarter) * spread(taper + 2 * q),
               load<Floats>(p + 3 * quarter) * spread(taper + 3 * q));
  }
}

/** How many numbers are summed in float32 before the sum is added to a float64 one. */
constexpr size_t SOME = 16;

/** The last join, with the points multiplied by a window. Writes their sum to `sum`, in float64. */
inline void joinWindowed(char *points, size_t length, const float *window, char *sum) {
  const size_t q = length / 4, quarter = q * FLOATS;
  DoublePoint total{};
  for (char *p = points; p < points + quarter;) {
    FloatPoint some{};
    for (char *stop = p + SOME * FLOATS; p < stop; p += sizeof(Floats), window += POINTS) {
      const Floats y0 = load<Floats>(p), y1 = load<Floats>(p + quarter);
      const Floats y2 = load<Floats>(p + 2 * quarter), y3 = load<Floats>(p + 3 * quarter);
      const Floats even = y0 + y1, odd = y0 - y1;
      const Floats x0 = (even + y2) * spread(window), x1 = (odd + y3) * spread(window + q);
      const Floats x2 = (even - y2) * spread(window + 2 * q), x3 = (odd - y3) * spread(window + 3 * q);
      const Floats four = (x0 + x1) + (x2 + x3);
#if WIDE == 64
      some += first(four);
      some += second(four);
#else
      some += four;
#endif
      store(p, x0);
      store(p + quarter, x1);
      store(p + 2 * quarter, x2);
      store(p + 3 * quarter, x3);
    }
    total += __builtin_convertvector(some, DoublePoint);
  }
  store(sum, total);
}

/** See filterSpectrum in ../kernels/transform.ts. */
void filterSpectrum(char *points, size_t length, const float *taper, const float *window, const float *twiddles,
                    const float *factors, char *sum) {
  splitTapered(points, length, taper);
  for (size_t n = length; n >= 16; n /= 4) {
    if (n < length) split<Floats>(points, n / 4 * FLOATS);
    const size_t eighth = n / 8;
    filterBlock(points + 4 * eighth * FLOATS, 2 * eighth, twiddles, factors + 4 * eighth);
    filterBlock(points + 2 * eighth * FLOATS, eighth, twiddles, factors + 2 * eighth);
  }
  split<FloatPoint>(points, FLOATS);
  for (size_t i = 0; i < 4; i++) {
    char *p = points + i * FLOATS;
    store(p, load<FloatPoint>(p) * all<FloatPoint>(factors[i < 2 ? i : 2]));
  }
  join<FloatPoint>(points, FLOATS);
  for (size_t n = 16; n < length; n *= 4) join<Floats>(points, n / 4 * FLOATS);
  joinWindowed(points, length, window, sum);
}

}  // namespace LEVEL
