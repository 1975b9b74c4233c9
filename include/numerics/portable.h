// exp, log, pow, sin and cos in double, with the same bits from every compiler, libm and CPU.
//
// The functions of libm differ in the last bit from one version to the next and, within one
// version, from CPU to CPU, as libm selects its kernels at run time. Code that affects the bits of
// a result therefore calls these functions: learning rates, step control, random values. They use
// only operations with a unique IEEE 754 rounding (+ - * / and the exact floor, frexp, ldexp),
// never fused (-ffp-contract=off). A call takes 0.02 to 0.1 microseconds; loops over samples should
// use elementary.h.
//
// Largest errors found: 0.5 units in the last place for log, 0.8 for the others. Powers that a
// double can represent (8 = 2^3, x = x^1) are exact.
#ifndef GFE_PORTABLE_H
#define GFE_PORTABLE_H

// e^x; infinity from 709.79 on, 0 below -745.14.
double portable_exp(double x);

// The natural logarithm; -infinity at 0, NaN below.
double portable_log(double x);

// base^power for base >= 0: 1 if the power is 0 or the base 1, NaN for a negative base.
double portable_pow(double base, double power);

// Of an angle in radians, |x| <= 2^20; NaN beyond.
double portable_sin(double x);
double portable_cos(double x);

#endif
