import { Head } from './head.ts'

/** The fields after a body (RFC 9110 §6.5): a head without a first line. */
export class Trailers extends Head {
  protected override parseStartLine(): number {
    return this.start
  }
}
