/* Included first by files whose speed hardly matters: they are compiled for size, whatever else is. */
#ifndef EIT_SMALL_H
#define EIT_SMALL_H

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("Os")
#endif

#endif
