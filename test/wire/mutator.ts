import { Dice } from '../support/dice.ts'

/** Parts of messages, and input that has misled parsers. */
const WORDS = [
  '\r\n',
  '\n',
  '\r',
  '\r\n\r\n',
  '\n\n',
  ' ',
  '\t',
  '\0',
  '\x0b',
  '\x7f',
  '\x80',
  '\xff',
  ':',
  ': ',
  ' :',
  ',',
  ';',
  '"',
  '#',
  '%',
  '%2e',
  '/',
  '\\',
  '@',
  '*',
  '0',
  '1',
  '5',
  'a',
  '-',
  '+',
  '0x',
  '0\r\n\r\n',
  '1\r\na\r\n',
  '00000000',
  'ffffffffffffffff',
  'chunked',
  'identity',
  'keep-alive',
  'close',
  '100-continue',
  ' HTTP/1.1\r\n',
  ' HTTP/1.0\r\n',
  'HTTP/1.1 200 OK\r\n',
  'Host: a\r\n',
  'Host: b\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'Content-Length: ',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: ',
  'Connection: ',
  'Connection: close\r\n',
  'Connection: Transfer-Encoding\r\n',
  'Expect: 100-continue\r\n',
  'Trailer: X\r\n',
  'TE: trailers\r\n',
  'X: y\r\n',
  ' folded\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
]

/** The maximum length. Longer messages differ from shorter ones only in their length. */
const LONGEST = 4000

/** Makes damaged messages from valid ones. The same seed gives the same messages. */
export class Mutator {
  readonly #corpus: readonly string[]
  readonly #dice: Dice

  constructor(seed: number, corpus: readonly string[]) {
    this.#dice = new Dice(seed)
    this.#corpus = [...new Set(corpus)].filter(({ length }) => length <= LONGEST)
  }

  next(): string {
    let text = this.#dice.pick(this.#corpus)
    for (let left = 1 + this.#dice.below(4); left > 0; left--) text = this.#damage(text)
    return text.slice(0, LONGEST)
  }

  /** Offsets at which the network might split the bytes. */
  cuts(text: string): number[] {
    return this.#dice.cuts(text.length)
  }

  #damage(text: string): string {
    const at = this.#dice.below(text.length + 1)
    const upTo = Math.min(text.length, at + 1 + this.#dice.below(this.#dice.below(4) === 0 ? 40 : 4))
    const before = text.slice(0, at)
    switch (this.#dice.below(9)) {
      case 0:
        return before + String.fromCharCode(this.#dice.below(256)) + text.slice(at + 1)
      case 1:
        return before + text.slice(upTo)
      case 2:
        return before + text.slice(at, upTo).repeat(2 + this.#dice.below(3)) + text.slice(upTo)
      case 3:
      case 4:
        return before + this.#dice.pick(WORDS) + text.slice(at)
      case 5:
        return before + this.#dice.pick(WORDS) + text.slice(upTo)
      case 6:
        return this.#withLines(text)
      case 7: {
        const other = this.#dice.pick(this.#corpus)
        return before + other.slice(this.#dice.below(other.length + 1))
      }
      default:
        return before + text.slice(at, upTo).replace(/[a-z]/gi, flipCase) + text.slice(upTo)
    }
  }

  /** Moves, duplicates or removes a whole line. */
  #withLines(text: string): string {
    const lines = text.split('\r\n')
    const [line = ''] = lines.splice(this.#dice.below(lines.length), 1)
    for (let times = this.#dice.below(3); times > 0; times--) lines.splice(this.#dice.below(lines.length + 1), 0, line)
    return lines.join('\r\n')
  }
}

const flipCase = (letter: string) => (letter < 'a' ? letter.toLowerCase() : letter.toUpperCase())
