// Argument reduction with constants split into parts (Cody and Waite 1980), Taylor polynomials, and
// pairs of doubles where one has too few digits: pow needs the logarithm to 2^-64, because its
// error is multiplied by a power of up to 745 / log(base).
#include "numerics/portable.h"

#include <math.h>

// The unevaluated sum of two doubles, |low| at most half a unit in the last place of `high`
// (Dekker 1971): about 32 digits.
struct pair {
  double high, low;
};

// a + b, exactly (Knuth 1969), and with fewer operations where |a| >= |b| (Dekker 1971).
static struct pair sum(double a, double b) {
  const double high = a + b, part = high - a;
  return (struct pair){high, (a - (high - part)) + (b - part)};
}

static struct pair quick_sum(double a, double b) {
  const double high = a + b;
  return (struct pair){high, b - (high - a)};
}

// a b, exactly: the factors split into halves of 26 digits (Veltkamp, Dekker 1971).
static struct pair product(double a, double b) {
  static const double splitter = 0x1p27 + 1.0;
  const double a_high = splitter * a - (splitter * a - a), a_low = a - a_high;
  const double b_high = splitter * b - (splitter * b - b), b_low = b - b_high;
  const double high = a * b;
  return (struct pair){
      high, ((a_high * b_high - high) + a_high * b_low + a_low * b_high) + a_low * b_low};
}

static struct pair add(struct pair a, struct pair b) {
  const struct pair s = sum(a.high, b.high);
  return quick_sum(s.high, s.low + (a.low + b.low));
}

static struct pair multiply(struct pair a, struct pair b) {
  const struct pair p = product(a.high, b.high);
  return quick_sum(p.high, p.low + (a.high * b.low + a.low * b.high));
}

static struct pair divide(double a, struct pair b) {
  const double first = a / b.high;
  const struct pair p = product(first, b.high);
  return quick_sum(first, (((a - p.high) - p.low) - first * b.low) / b.high);
}

// c[0] + c[1] x + ... + c[degree] x^degree.
static double polynomial(const double *c, int degree, double x) {
  double value = c[degree];
  for (int i = degree - 1; i >= 0; i--) value = value * x + c[i];
  return value;
}

// log 2; the first part has 32 digits, so that its product with an exponent is exact.
static const double log2_high = 0x1.62e42fee00000p-1, log2_low = 0x1.a39ef35793c76p-33;

// x = k log 2 + r with |r| <= log(2) / 2, and e^x = 2^k e^r.
static double exp_pair(struct pair x) {
  static const double inverse_log2 = 0x1.71547652b82fep+0;
  static const double c[] = {1.0 / 2,          1.0 / 6,        1.0 / 24,        1.0 / 120,
                             1.0 / 720,        1.0 / 5040,     1.0 / 40320,     1.0 / 362880,
                             1.0 / 3628800,    1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800,
                             1.0 / 87178291200};
  if (isnan(x.high)) return x.high;
  if (x.high > 710.0) return INFINITY;
  if (x.high < -746.0) return 0.0;
  const double k = floor(x.high * inverse_log2 + 0.5);
  const struct pair r = sum(x.high - k * log2_high, x.low - k * log2_low);
  const double rest = r.low * (1.0 + r.high) + r.high * r.high * polynomial(c, 12, r.high);
  const struct pair less_one = sum(r.high, rest);
  const struct pair power = sum(1.0, less_one.high);
  return ldexp(power.high + (power.low + less_one.low), (int)k);
}

// x = 2^k m with m in [sqrt(1/2), sqrt(2)); log m = 2 artanh s, s = (m - 1) / (m + 1), |s| <
// 0.1716, = 2 s (1 + s^2 / 3 + s^4 / 5 + ...), of which the first terms need pairs. x > 0 and
// finite.
static struct pair log_pair(double x) {
  static const double c[] = {1.0 / 7,  1.0 / 9,  1.0 / 11, 1.0 / 13, 1.0 / 15, 1.0 / 17,
                             1.0 / 19, 1.0 / 21, 1.0 / 23, 1.0 / 25, 1.0 / 27};
  static const struct pair third = {0x1.5555555555555p-2, 0x1.5555555555555p-56};
  static const struct pair fifth = {0x1.999999999999ap-3, -0x1.999999999999ap-57};
  int exponent;
  double m = frexp(x, &exponent);
  if (m < 0x1.6a09e667f3bcdp-1) {
    m *= 2.0;
    exponent--;
  }
  const struct pair s = divide(m - 1.0, sum(m, 1.0)), s2 = multiply(s, s);
  const double tail = s2.high * polynomial(c, 10, s2.high);
  const struct pair series =
      multiply(s2, add(third, multiply(s2, add(fifth, (struct pair){tail, 0.0}))));
  const struct pair twice = {2.0 * s.high, 2.0 * s.low},
                    log_m = add(twice, multiply(twice, series));
  const double k = exponent;
  return add((struct pair){k * log2_high, 0.0}, add(product(k, log2_low), log_m));
}

double portable_exp(double x) { return exp_pair((struct pair){x, 0.0}); }

double portable_log(double x) {
  if (isnan(x) || x == INFINITY) return x;
  if (x <= 0.0) return x == 0.0 ? -INFINITY : NAN;
  return log_pair(x).high;
}

double portable_pow(double base, double power) {
  if (power == 0.0 || base == 1.0) return 1.0;
  if (isnan(base) || isnan(power) || base < 0.0) return NAN;
  if (base == 0.0 || base == INFINITY) return (base == 0.0) == (power > 0.0) ? 0.0 : INFINITY;
  const struct pair log_base = log_pair(base);
  const double rough = power * log_base.high;
  if (!(fabs(rough) < 750.0)) return rough > 0.0 ? INFINITY : 0.0;
  return exp_pair(multiply((struct pair){power, 0.0}, log_base));
}

// x = n pi/2 + r with |r| <= pi/4. The first three parts of pi/2 have 33 digits, so that their
// products with n < 2^20 are exact. Returns n modulo 4.
static int reduce_angle(double x, struct pair *r) {
  static const double inverse = 0x1.45f306dc9c883p-1;
  static const double part[] = {0x1.921fb54400000p+0, 0x1.0b4611a600000p-34, 0x1.3198a2e000000p-69,
                                0x1.b839a252049c1p-104};
  const double n = floor(x * inverse + 0.5);
  const struct pair first = sum(x - n * part[0], -n * part[1]);
  const struct pair second = sum(first.high, -n * part[2]);
  *r = quick_sum(second.high, first.low + (second.low - n * part[3]));
  return (int)(n - 4.0 * floor(n / 4.0));
}

// sin(r + t) = sin r + t cos r, t being the low part of the pair; cos likewise.
static double sin_pair(struct pair r) {
  static const double c[] = {
      -1.0 / 6,        1.0 / 120,        -1.0 / 5040,          1.0 / 362880,
      -1.0 / 39916800, 1.0 / 6227020800, -1.0 / 1307674368000, 1.0 / 355687428096000};
  const double r2 = r.high * r.high;
  return r.high + (r.low * (1.0 - 0.5 * r2) + r.high * (r2 * polynomial(c, 7, r2)));
}

static double cos_pair(struct pair r) {
  static const double c[] = {
      1.0 / 24,        -1.0 / 720,         1.0 / 40320,          -1.0 / 3628800,
      1.0 / 479001600, -1.0 / 87178291200, 1.0 / 20922789888000, -1.0 / 6402373705728000};
  const struct pair r2 = product(r.high, r.high), most = sum(1.0, -0.5 * r2.high);
  const double rest = r2.high * r2.high * polynomial(c, 7, r2.high);
  return most.high + (most.low + (rest - (0.5 * r2.low + r.high * r.low)));
}

// sin(x + quarters pi/2).
static double sine(double x, int quarters) {
  if (!(fabs(x) <= 0x1p20)) return NAN;
  struct pair r;
  const int quadrant = (reduce_angle(x, &r) + quarters) % 4;
  const double value = quadrant % 2 == 0 ? sin_pair(r) : cos_pair(r);
  return quadrant < 2 ? value : -value;
}

double portable_sin(double x) { return sine(x, 0); }

double portable_cos(double x) { return sine(x, 1); }
