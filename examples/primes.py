"""Prints the primes up to a number: python3 primes.py 20"""

import sys


def primes(limit: int) -> list[int]:
    sieve = [True] * (limit + 1)
    for number in range(2, int(limit**0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = [False] * len(sieve[number * number :: number])
    return [number for number in range(2, limit + 1) if sieve[number]]


print(*primes(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
