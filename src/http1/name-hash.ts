import { randomInt } from 'node:crypto'

/** Odd, and unknown outside this process: nobody can choose names that have the same hash. */
const MULTIPLIER = 2 * randomInt(2 ** 24, 2 ** 31) + 1

/**
 * The hash of a name, byte by byte, letters' case aside: begin with 0. Its upper bits are the good ones. It is made for
 * names that a client chooses and that are looked up in a table of the process.
 */
export function hashByte(hash: number, byte: number): number {
  return (Math.imul(hash, MULTIPLIER) + (byte | 0x20)) | 0
}
