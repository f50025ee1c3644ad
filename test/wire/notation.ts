/**
 * The notation for bytes in fixtures, described in README.md. Text has one byte per character.
 */

/** The actions of one side, in order. */
export type Step =
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'hear'; readonly status: string }
  | { readonly kind: 'close' }
  | { readonly kind: 'reset' }

/** Values of `\<name>` in a block. */
export type Names = Readonly<Record<string, string>>

/** Directives are single characters outside Latin-1 until the text is split into steps. */
const FIRST_DIRECTIVE = 0xe000

const escapes: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', s: ' ', '\\': '\\', '/': '' }

/** The steps that a block describes. */
export function stepsOf(block: string, names: Names): Step[] {
  const directives: Step[] = []
  const text = new Reader(withLineEnds(substitute(block, names)), directives).read()
  const steps: Step[] = []
  for (const [piece] of text.matchAll(/[\uE000-\uF8FF]|[^\uE000-\uF8FF]+/g)) {
    const directive = directives[piece.charCodeAt(0) - FIRST_DIRECTIVE]
    if (directive === undefined) steps.push({ kind: 'say', text: piece })
    else if (directive.kind !== 'say') steps.push(directive)
  }
  return steps
}

/** The bytes of a block that has no other actions. */
export function textOf(block: string, names: Names): string {
  return said(stepsOf(block, names))
}

/** The bytes of a line, without its end. */
export function textOfLine(line: string): string {
  return new Reader(line, []).read()
}

/** All text that the steps send. */
export function said(steps: readonly Step[]): string {
  return steps.map((step) => (step.kind === 'say' ? step.text : '')).join('')
}

/** Replaces the names of columns in a block with the cells of a row, before any other parsing. */
export function substitute(block: string, names: Names): string {
  return block.replace(/\\<([\w -]+)>/g, (placeholder, name: string) => names[name] ?? placeholder)
}

/** Each line ends with CR LF, except one that ends with a single backslash. */
function withLineEnds(block: string): string {
  return block.replace(/(\\*)\n/g, (_, slashes: string) => {
    return slashes.length % 2 === 1 ? slashes.slice(1) : `${slashes}\\r\\n`
  })
}

class Reader {
  readonly #source: string
  readonly #directives: Step[]
  #at = 0

  constructor(source: string, directives: Step[]) {
    this.#source = source
    this.#directives = directives
  }

  /** Reads to the end of the source, or of the current group. */
  read(inGroup = false): string {
    const units: string[] = []
    while (this.#at < this.#source.length) {
      if (this.#takes('\\)')) {
        if (inGroup) return units.join('')
        throw this.#fault('a group ends that has not begun')
      }
      const times = this.#match(/\\\{(\d+)\}/y)
      if (times !== undefined) units.push((units.pop() ?? '').repeat(Number(times[1])))
      else units.push(this.#unit())
    }
    if (inGroup) throw this.#fault('a group does not end')
    return units.join('')
  }

  /** One byte, one directive, or one group. */
  #unit(): string {
    if (this.#takes('\\(')) return this.read(true)
    const byte = this.#match(/\\x([0-9a-f]{2})/y)
    if (byte !== undefined) return String.fromCharCode(Number.parseInt(byte[1]!, 16))
    const directive = this.#match(/\\<([^>]+)>/y)
    if (directive !== undefined) return this.#directive(directive[1]!)
    const short = this.#match(/\\([rnts\\/])/y)
    // A split is a directive without an action: it ends one piece and starts another.
    if (short?.[1] === '/') return this.#note({ kind: 'say', text: '' })
    if (short !== undefined) return escapes[short[1]!]!
    const plain = this.#match(/[ -~]/y)
    if (plain === undefined || plain[0] === '\\') throw this.#fault('this means nothing')
    return plain[0]
  }

  #directive(text: string): string {
    const hear = /^hear (\d{3})$/.exec(text)
    if (hear !== null) return this.#note({ kind: 'hear', status: hear[1]! })
    if (text === 'close' || text === 'reset') return this.#note({ kind: text })
    if (text === 'id' || text === 'origin' || text === 'port') return `<${text}>`
    const forwarding = /^forwarding(?: (.+))?$/.exec(text)
    if (forwarding === null) throw this.#fault(`\\<${text}> is not a column or a directive`)
    const lines = [
      'X-Forwarded-For: 127.0.0.1',
      'X-Forwarded-Proto: http',
      'X-Forwarded-Port: <port>',
      'X-Request-Id: <id>',
    ]
    if (forwarding[1] !== undefined) lines.push(`X-Forwarded-Host: ${forwarding[1]}`)
    return lines.join('\r\n')
  }

  #note(step: Step): string {
    this.#directives.push(step)
    return String.fromCharCode(FIRST_DIRECTIVE + this.#directives.length - 1)
  }

  #takes(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#source)
    if (match === null) return undefined
    this.#at = pattern.lastIndex
    return match
  }

  #fault(what: string): Error {
    return new Error(`${what}: ${JSON.stringify(this.#source.slice(this.#at, this.#at + 30))}`)
  }
}

/** Bytes as printable text in the notation of fixtures. */
export function visible(bytes: string): string {
  return bytes
    .replaceAll('\\', '\\\\')
    .replace(/[^ -~]/g, (byte) => {
      if (byte === '\t') return '\\t'
      if (byte === '\n') return '\\n'
      if (byte === '\r') return '\\r'
      return `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`
    })
    .replaceAll('\\r\\n', '\n')
    .replace(/ $/gm, '\\s')
    .replace(/(\\n)/g, '$1\\\n')
    .replace(/[^\n]$/, '$&\\')
}
