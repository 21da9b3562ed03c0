import { describe, expect, test } from "bun:test";
import { median, quantile, shuffle } from "../../../bench/statistics.ts";

describe("quantiles", () => {
  test("the median is the middle one, or lies between the two in the middle", () => {
    expect(median([30, 10, 20])).toBe(20);
    expect(median([40, 10, 30, 20])).toBe(25);
    expect(median([7])).toBe(7);
  });

  test("numbers are put in order as numbers, and the list that was given stays as it is", () => {
    const values = [100, 9, 20];
    expect(median(values)).toBe(20);
    expect(values).toEqual([100, 9, 20]);
  });

  test("p99 of 1,000 values lies between the tenth and the eleventh from the end", () => {
    const values = Array.from({ length: 1000 }, (_, index) => index + 1);
    expect(quantile(values, 0.99)).toBeCloseTo(990.01);
    expect(quantile(values, 0)).toBe(1);
    expect(quantile(values, 1)).toBe(1000);
  });

  test("no values have none", () => {
    expect(() => median([])).toThrow(TypeError);
  });
});

describe("order of chance", () => {
  test("every value is there once", () => {
    expect(shuffle(["a", "b", "c", "d"]).sort()).toEqual(["a", "b", "c", "d"]);
  });

  test("every order of three comes from some chance", () => {
    const chances = [0, 0.4, 0.8].flatMap((first) => [0, 0.6].map((second) => [first, second]));
    const orders = chances.map((chance) => shuffle(["a", "b", "c"], () => chance.shift() ?? 0).join(""));
    expect(orders.sort()).toEqual(["abc", "acb", "bac", "bca", "cab", "cba"]);
  });
});
