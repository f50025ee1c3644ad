import { type Names, substitute, textOfLine } from '../notation.ts'
import { ERRORS, FLAGS, FRAME_TYPES, frameBytes, PREFACE, SETTINGS, uint32 } from './frames.ts'
import { type Field, integer, string } from './hpack.ts'

/** The notation for frames in fixtures, described in README.md. */

/** What the client does, in order. */
export type Step =
  | { readonly kind: 'say'; readonly bytes: Buffer }
  | { readonly kind: 'hear'; readonly what: string }
  | { readonly kind: 'close' }
  | { readonly kind: 'reset' }

/** Everything that a client does on a connection. */
export interface Conversation {
  readonly steps: readonly Step[]
  /** The next stream that the client may open (RFC 9113 §5.1.1). */
  readonly nextStream: number
  /** Whether it changed the windows of its streams. */
  readonly setsWindows: boolean
}

const RESERVED_BIT = 0x80000000

/** @param names the cells of a row; in a cell, `⏎` starts a line and `↳` an indented one */
export function conversationOf(block: string, names: Names): Conversation {
  const cells = Object.fromEntries(
    Object.entries(names).map(([name, cell]) => [name, cell.replace(/ ?⏎ ?/g, '\n').replace(/ ?↳ ?/g, '\n  ')]),
  )
  const lines = substitute(block, cells)
    .split('\n')
    .map((line) => line.trimEnd())
    .filter(Boolean)
  return new Writer(lines).write()
}

class Writer {
  readonly #lines: readonly string[]
  readonly #steps: Step[] = []
  /** What is said since the last step. */
  readonly #said: Buffer[] = []
  #at = 0
  #lastStream = -1
  #setsWindows = false

  constructor(lines: readonly string[]) {
    this.#lines = lines
  }

  write(): Conversation {
    this.#writeLines(0)
    this.#endSaying()
    if (this.#at < this.#lines.length) throw new Error('an end of nothing')
    return { steps: this.#steps, nextStream: this.#lastStream + 2, setsWindows: this.#setsWindows }
  }

  /** To the end of the block, or of the current repetition. */
  #writeLines(turn: number): void {
    while (this.#at < this.#lines.length && this.#lines[this.#at] !== 'end') {
      const line = this.#lines[this.#at++]!
      const [word = '', ...rest] = line.split(' ')
      if (word === 'repeat') this.#repeat(Number(rest[0]))
      else if (word === 'bytes') this.#said.push(Buffer.from(textOfLine(rest.join(' ')), 'latin1'))
      else if (word === 'PREFACE') this.#said.push(Buffer.from(PREFACE, 'latin1'))
      else if (word === 'hear') this.#then({ kind: 'hear', what: rest.join(' ') })
      else if (word === 'close' || word === 'reset') this.#then({ kind: word })
      else this.#said.push(this.#frame(line, this.#body(), turn))
    }
  }

  #repeat(times: number): void {
    const start = this.#at
    for (let turn = 0; turn < times; turn++) {
      this.#at = start
      this.#writeLines(turn)
    }
    if (this.#lines[this.#at++] !== 'end') throw new Error('a repetition does not end')
  }

  #then(step: Step): void {
    this.#endSaying()
    this.#steps.push(step)
  }

  /** One write, unless the client waits in between. */
  #endSaying(): void {
    if (this.#said.length > 0) this.#steps.push({ kind: 'say', bytes: Buffer.concat(this.#said.splice(0)) })
  }

  /** The indented lines that follow. */
  #body(): string[] {
    const lines: string[] = []
    while (this.#lines[this.#at]?.startsWith('  ')) lines.push(this.#lines[this.#at++]!.slice(2))
    return lines
  }

  #frame(line: string, body: readonly string[], turn: number): Buffer {
    const [name = '', place = '', ...words] = line.split(' ')
    const stream = streamOf(place, turn)
    if (name === 'GET' || name === 'POST') {
      this.#opens(stream)
      const flags = FLAGS.END_HEADERS! | (name === 'GET' ? FLAGS.END_STREAM! : 0)
      return frameBytes({ type: 1, flags, stream, payload: blockOf([`(${name} ${words.join(' ')})`, ...body]) })
    }
    const type = typeOf(name)
    if (name === 'HEADERS') this.#opens(stream)
    if (name === 'SETTINGS' && body.some((setting) => setting.startsWith('INITIAL_WINDOW_SIZE')))
      this.#setsWindows = true
    const options = new Options(words)
    const content = Buffer.concat([options.content(name), bodyOf(name, body)])
    const payload = Buffer.concat([options.beforeContent(), content, options.padding()])
    return frameBytes({ type, flags: options.flags, stream: stream + options.reserved, payload }, options.length)
  }

  #opens(stream: number): void {
    if (stream % 2 === 1) this.#lastStream = Math.max(this.#lastStream, stream)
  }
}

/** `1`, or `1++`: the next stream with each repetition. */
function streamOf(place: string, turn: number): number {
  const [, number, grows] = /^(\d+)(\+\+)?$/.exec(place) ?? []
  if (number === undefined) throw new Error(`${JSON.stringify(place)} is no stream`)
  return Number(number) + (grows === undefined ? 0 : 2 * turn)
}

function typeOf(name: string): number {
  const type = name.startsWith('0x') ? Number(name) : FRAME_TYPES.indexOf(name as (typeof FRAME_TYPES)[number])
  if (!(type >= 0)) throw new Error(`${JSON.stringify(name)} is no frame`)
  return type
}

/** The words after a frame's stream. */
class Options {
  flags = 0
  reserved = 0
  /** The length that the frame's header claims; undefined for the true one. */
  length: number | undefined
  #padLength: number | undefined
  #padding = 0
  #dependency: { stream: number; weight: number; isExclusive: boolean } | undefined
  #promised: number | undefined
  #last: number | undefined
  /** Whatever has no key: an error, an increment, the text of a ping. */
  #rest: string | undefined

  constructor(words: readonly string[]) {
    const left = [...words]
    for (let word = left.shift(); word !== undefined; word = left.shift()) this.#take(word, left)
  }

  #take(word: string, left: string[]): void {
    const number = () => Number(left.shift())
    if (word === '+R') this.reserved = RESERVED_BIT
    else if (word.startsWith('+')) this.flags |= flagOf(word.slice(1))
    else if (word === 'length') this.length = number()
    else if (word === 'pad') {
      this.#padLength = this.#padding = number()
      this.flags |= FLAGS.PADDED!
    } else if (word === 'padlength') {
      this.#padLength = number()
      this.flags |= FLAGS.PADDED!
    } else if (word === 'on') this.#dependency = { stream: number(), weight: 16, isExclusive: false }
    else if (word === 'weight') this.#dependency!.weight = number()
    else if (word === 'exclusive') this.#dependency!.isExclusive = true
    else if (word === 'promises') this.#promised = number()
    else if (word === 'last') this.#last = number()
    else this.#rest = word
  }

  /** What precedes the content: the length of the padding, the priority, the promised stream. */
  beforeContent(): Buffer {
    const parts: Buffer[] = []
    if (this.#padLength !== undefined) parts.push(Buffer.from([this.#padLength]))
    if (this.#dependency !== undefined) {
      const { stream, weight, isExclusive } = this.#dependency
      parts.push(uint32(stream + (isExclusive ? RESERVED_BIT : 0)), Buffer.from([weight - 1]))
    }
    if (this.#promised !== undefined) parts.push(uint32(this.#promised))
    if (this.#last !== undefined) parts.push(uint32(this.#last))
    return Buffer.concat(parts)
  }

  content(name: string): Buffer {
    if (this.#rest === undefined) return Buffer.alloc(0)
    if (name === 'PING' || name.startsWith('0x')) return Buffer.from(textOfLine(this.#rest), 'latin1')
    if (name === 'WINDOW_UPDATE') return uint32(Number(this.#rest))
    const code = ERRORS.indexOf(this.#rest)
    return uint32(code < 0 ? Number(this.#rest) : code)
  }

  padding(): Buffer {
    return Buffer.alloc(this.#padding)
  }
}

function flagOf(name: string): number {
  const flag = name.startsWith('0x') ? Number(name) : FLAGS[name]
  if (flag === undefined) throw new Error(`${JSON.stringify(name)} is no flag`)
  return flag
}

function bodyOf(name: string, lines: readonly string[]): Buffer {
  if (name === 'SETTINGS') return Buffer.concat(lines.map(setting))
  if (name === 'HEADERS' || name === 'CONTINUATION' || name === 'PUSH_PROMISE') return blockOf(lines)
  return Buffer.concat(lines.map((line) => bytesIn(line) ?? Buffer.from(textOfLine(line), 'latin1')))
}

function setting(line: string): Buffer {
  const bytes = bytesIn(line)
  if (bytes !== undefined) return bytes
  const [name = '', value] = line.split(' ')
  const id = SETTINGS[name] ?? Number(name)
  return Buffer.concat([uint32(id).subarray(2), uint32(Number(value))])
}

/** The bytes of `(hex 00 01)` and `(bytes abc)`. */
function bytesIn(line: string): Buffer | undefined {
  const [, digits] = /^\(hex ?([0-9a-f ]*)\)$/.exec(line) ?? []
  if (digits !== undefined) return Buffer.from(digits.replaceAll(' ', ''), 'hex')
  const [, text] = /^\(bytes (.*)\)$/.exec(line) ?? []
  return text === undefined ? undefined : Buffer.from(textOfLine(text), 'latin1')
}

/** A field block, whose every representation is chosen by its line. */
function blockOf(lines: readonly string[]): Buffer {
  return Buffer.concat(lines.map(representation))
}

function representation(line: string): Buffer {
  const bytes = bytesIn(line)
  if (bytes !== undefined) return bytes
  const [, directive, rest = ''] = /^\(([^)]*)\) ?(.*)$/.exec(line) ?? []
  if (directive === undefined) return literal(fieldIn(line), new Set())
  const [word = '', argument = ''] = directive.split(' ')
  if (word === 'indexed') return integer(Number(argument), 7, 0x80)
  if (word === 'size') return integer(Number(argument), 5, 0x20)
  if (/^[A-Z]+$/.test(word)) return Buffer.concat(usualFields(word, argument).map((field) => literal(field, new Set())))
  const words = new Set(directive.split(' '))
  const index = directive.split(' ').find((word) => /^\d+$/.test(word))
  if (index === undefined) return literal(fieldIn(rest), words)
  return literal(['', textOfLine(rest)], words, Number(index))
}

function usualFields(method: string, path: string): Field[] {
  return [
    [':method', method],
    [':scheme', 'http'],
    [':path', textOfLine(path)],
    [':authority', 'a'],
  ]
}

function fieldIn(line: string): Field {
  const [, name, value] = /^(:?[^:]*): ?(.*)$/.exec(line) ?? []
  if (name === undefined) throw new Error(`${JSON.stringify(line)} is no field`)
  return [textOfLine(name), textOfLine(value!)]
}

/** A literal (RFC 7541 §6.2), without indexing unless the words say otherwise. */
function literal([name, value]: Field, words: ReadonlySet<string>, index = 0): Buffer {
  const inHuffman = words.has('huffman')
  const first = words.has('incremental') ? integer(index, 6, 0x40) : integer(index, 4, words.has('never') ? 0x10 : 0)
  return Buffer.concat([first, ...(index === 0 ? [string(name, inHuffman)] : []), string(value, inHuffman)])
}
