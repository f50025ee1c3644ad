import { Head, type HeadLimits } from './head.ts'

/** The fields after a body (RFC 9110 §6.5): a head without a first line. */
export class Trailers extends Head {
  protected override parseStartLine(): number {
    return this.start
  }
}

/** Of fields that were read once, and counted then. */
const COUNTED: HeadLimits = { headSize: Infinity, headers: 0 }

const trailers = new Trailers()

/** Reads field lines with the empty line at their end; they hold until the next call. */
export function readTrailers(bytes: Buffer): Head {
  trailers.parse(bytes, 0, COUNTED)
  return trailers
}
