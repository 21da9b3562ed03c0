/** How much slower than a plain machine this one is: 1, or what the driver of an emulated machine has set. */
export const SLOWNESS = Number(process.env["RNX_TEST_SLOWNESS"] ?? "1");

/** A limit in milliseconds that is fair on this machine, from one that is fair on a plain machine. */
export function patient(milliseconds: number): number {
  return Math.ceil(milliseconds * SLOWNESS);
}
