/** A set of bytes: 1 for each that is in it. */
export type ByteSet = Uint8Array

/** What a pattern says, as a tree. */
export type Node =
  | { readonly kind: 'bytes'; readonly set: ByteSet }
  | { readonly kind: 'sequence' | 'choice'; readonly parts: readonly Node[] }
  | {
      readonly kind: 'repeat'
      readonly part: Node
      readonly least: number
      readonly most: number
      readonly isLazy: boolean
    }
  | { readonly kind: 'group'; readonly number: number; readonly part: Node }
  | { readonly kind: 'start' | 'end' }

export interface Syntax {
  readonly root: Node
  /** The number of groups that capture. */
  readonly groups: number
  /** The numbers of those that have a name. */
  readonly names: ReadonlyMap<string, number>
  /** The text with which everything begins that the pattern matches; may be empty. */
  readonly beginning: string
  /** Whether everything that begins so is a match, which ends there. */
  readonly isBeginning: boolean
}

/** A pattern that is not valid, or that no linear-time engine could match. `expected` completes "expected …". */
export class PatternError extends Error {
  readonly expected: string
  readonly hint: string | undefined

  constructor(expected: string, hint?: string) {
    super(hint === undefined ? `expected ${expected}` : `expected ${expected} (${hint})`)
    this.name = 'PatternError'
    this.expected = expected
    this.hint = hint
  }
}

const LONGEST_PATTERN = 1000
const MOST_REPEATS = 1000
const MOST_GROUPS = 32

/**
 * Reads a regular expression, in the syntax that RE2, PCRE and JavaScript have in common:
 *
 *     .  [a-z]  [^a-z]  \d \D \w \W \s \S  \t \n \r \f \v \xHH  and \ before any other character
 *     a|b  (a)  (?:a)  (?<name>a)  a* a+ a? a{2} a{2,} a{2,5}, and each of these with ? behind  ^ $ \A \z
 *     (?i) at the beginning: letters of ASCII match in both cases
 *
 * `.` and negated classes match any byte, also a line end; `$` matches only at the very end.
 *
 * @throws PatternError
 */
export function parsePattern(text: string): Syntax {
  if (text.length > LONGEST_PATTERN)
    throw new PatternError(`a regular expression of at most ${LONGEST_PATTERN} characters`)
  if (/\p{Surrogate}/u.test(text)) throw new PatternError('a regular expression of valid characters')
  const ignoresCase = text.startsWith('(?i)')
  const reader = new PatternReader(Buffer.from(text).toString('latin1'), ignoresCase)
  const root = reader.all()
  return { root, groups: reader.groups, names: reader.names, ...beginningOf(root) }
}

class PatternReader {
  groups = 0
  readonly names = new Map<string, number>()
  /** One character a byte. */
  readonly #text: string
  readonly #ignoresCase: boolean
  #at: number

  constructor(text: string, ignoresCase: boolean) {
    this.#text = text
    this.#ignoresCase = ignoresCase
    this.#at = ignoresCase ? '(?i)'.length : 0
  }

  all(): Node {
    const root = this.#choice()
    if (this.#at < this.#text.length) throw new PatternError(`no ) without its ( at character ${this.#at + 1}`)
    return root
  }

  #choice(): Node {
    const parts = [this.#sequence()]
    while (this.#takes('|')) parts.push(this.#sequence())
    return parts.length === 1 ? parts[0]! : { kind: 'choice', parts }
  }

  #sequence(): Node {
    const parts: Node[] = []
    while (this.#at < this.#text.length && !this.#isNext('|') && !this.#isNext(')')) parts.push(this.#repeated())
    return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts }
  }

  #repeated(): Node {
    const from = this.#at
    const part = this.#atom()
    const times = this.#times()
    if (times === undefined) return part
    const written = this.#written(from)
    if (part.kind === 'start' || part.kind === 'end') throw new PatternError(`something to repeat before ${written}`)
    const isLazy = this.#takes('?')
    if (this.#takes('+'))
      throw new PatternError(`no possessive quantifier, as in ${this.#written(from)}`, 'leave out the second +')
    if (this.#times() !== undefined)
      throw new PatternError(`one quantifier, found ${this.#written(from)}`, `write (?:${written}) before the second`)
    return { kind: 'repeat', part, ...times, isLazy }
  }

  #times(): { least: number; most: number } | undefined {
    if (this.#takes('*')) return { least: 0, most: Infinity }
    if (this.#takes('?')) return { least: 0, most: 1 }
    if (this.#takes('+')) return { least: 1, most: Infinity }
    const [written, from, to = from] = this.#find(/\{(\d+)(?:,(\d*))?\}/y) ?? []
    if (written === undefined) return undefined
    const least = Number(from)
    const most = to === '' ? Infinity : Number(to)
    if (least > MOST_REPEATS || (most > MOST_REPEATS && to !== ''))
      throw new PatternError(`at most ${MOST_REPEATS} repetitions, found ${written}`)
    if (most < least) throw new PatternError(`the smaller number first, found ${written}`)
    return { least, most }
  }

  #atom(): Node {
    const at = this.#at
    const character = this.#text[at]!
    if (this.#takes('(')) return this.#group(at)
    if (this.#takes('[')) return this.#bytes(this.#class(at))
    if (this.#takes('.')) return this.#bytes(negated(new Uint8Array(256)))
    if (this.#takes('^')) return { kind: 'start' }
    if (this.#takes('$')) return { kind: 'end' }
    if (this.#takes('\\')) return this.#escape()
    if (/[*+?]/.test(character)) throw new PatternError(`something to repeat before ${character}`)
    return this.#literal()
  }

  /** One character, which may have several bytes. */
  #literal(): Node {
    const [bytes = ''] = this.#find(/[\xc0-\xff][\x80-\xbf]+|./sy) ?? []
    const parts = Array.from(bytes, (byte) => this.#bytes(single(byte.charCodeAt(0))))
    return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts }
  }

  #group(from: number): Node {
    const number = this.#takes('?') ? this.#groupNumber(from) : this.#nextGroup()
    const part = this.#choice()
    if (!this.#takes(')')) throw new PatternError(`a ) for the ( at character ${from + 1}`)
    return number === undefined ? part : { kind: 'group', number, part }
  }

  /** Of a group that begins with `(?`; undefined if it does not capture. */
  #groupNumber(from: number): number | undefined {
    if (this.#takes(':')) return undefined
    const [written, name] = this.#find(/P?<([A-Za-z_]\w*)>/y) ?? []
    if (written !== undefined && name !== undefined) {
      if (this.names.has(name)) throw new PatternError(`each name of a group once, found ${name} again`)
      const number = this.#nextGroup()
      this.names.set(name, number)
      return number
    }
    const [kind = ''] = this.#find(/<?[=!]|>|[a-zA-Z-]+|</y) ?? []
    const found = `(?${kind}`
    if (/^<?[=!]$/.test(kind))
      throw new PatternError(
        `no lookaround ${found} at character ${from + 1}: it cannot be matched in linear time`,
        'say what the text is, not what is around it',
      )
    if (/^[a-zA-Z-]+$/.test(kind))
      throw new PatternError(`no flags but (?i) at the very beginning, found ${found} at character ${from + 1}`)
    throw new PatternError(`(?:…), (?<name>…) or (…) at character ${from + 1}, found ${found}`)
  }

  #nextGroup(): number {
    this.groups++
    if (this.groups > MOST_GROUPS)
      throw new PatternError(`at most ${MOST_GROUPS} groups`, 'write (?:…) for those that need not be captured')
    return this.groups
  }

  #escape(): Node {
    const from = this.#at - 1
    if (this.#takes('A')) return { kind: 'start' }
    if (this.#takes('z')) return { kind: 'end' }
    const [character = ''] = this.#find(/./sy) ?? []
    if (/[1-9k]/.test(character))
      throw new PatternError(
        `no back-reference \\${character} at character ${from + 1}: it cannot be matched in linear time`,
        'write out what may be repeated',
      )
    if (/[bB]/.test(character))
      throw new PatternError(
        `no word boundary \\${character} at character ${from + 1}`,
        'write the characters that may stand there, such as (?:/|$)',
      )
    return this.#bytes(this.#escaped(character, from))
  }

  /** What `\` and that character stand for, inside and outside of a class. */
  #escaped(character: string, from: number): ByteSet {
    if (character === '') throw new PatternError('a character after the final \\')
    const named = classes[character.toLowerCase()]
    if (named !== undefined) return character === character.toLowerCase() ? named : negated(named)
    const control = controls[character]
    if (control !== undefined) return single(control)
    if (character === 'x') {
      const [, digits] = this.#find(/([0-9A-Fa-f]{2})/y) ?? []
      if (digits === undefined) throw new PatternError(`two hexadecimal digits after \\x at character ${from + 1}`)
      return single(Number.parseInt(digits, 16))
    }
    if (/[A-Za-z0-9\x80-\xff]/.test(character))
      throw new PatternError(`no \\${printable(character)} at character ${from + 1}: it has no meaning here`)
    return single(character.charCodeAt(0))
  }

  #class(from: number): ByteSet {
    const set = new Uint8Array(256)
    const isNegated = this.#takes('^')
    // A ] that comes first is one of the members in some programs, and the end in others.
    if (this.#isNext(']'))
      throw new PatternError(`characters in [] at character ${from + 1}`, 'write \\] for the bracket itself')
    while (!this.#takes(']')) {
      if (this.#at >= this.#text.length) throw new PatternError(`a ] for the [ at character ${from + 1}`)
      if (this.#isNext('[:'))
        throw new PatternError(
          `no class such as [:alpha:] at character ${this.#at + 1}`,
          'write the characters: [A-Za-z]',
        )
      const member = this.#member()
      const low = onlyByte(member)
      if (low === undefined || !this.#isNext('-') || this.#text[this.#at + 1] === ']') {
        for (let byte = 0; byte < 256; byte++) set[byte]! |= member[byte]!
        continue
      }
      this.#at++
      const high = this.#at < this.#text.length ? onlyByte(this.#member()) : undefined
      if (high === undefined || high < low)
        throw new PatternError(`a range from a smaller to a larger character, found ${this.#written(from)}`)
      for (let byte = low; byte <= high; byte++) set[byte] = 1
    }
    if (this.#ignoresCase) foldCase(set)
    return isNegated ? negated(set) : set
  }

  #member(): ByteSet {
    const from = this.#at
    const [character = ''] = this.#find(/./sy) ?? []
    if (character > '\x7f')
      throw new PatternError(
        `characters of ASCII in [], found ${this.#characterAt(from)}`,
        'write others as alternatives, such as (?:é|è)',
      )
    if (character !== '\\') return single(character.charCodeAt(0))
    const [escaped = ''] = this.#find(/./sy) ?? []
    return this.#escaped(escaped, from)
  }

  #bytes(set: ByteSet): Node {
    if (this.#ignoresCase) foldCase(set)
    return { kind: 'bytes', set }
  }

  #isNext(text: string): boolean {
    return this.#text.startsWith(text, this.#at)
  }

  #takes(text: string): boolean {
    if (!this.#isNext(text)) return false
    this.#at += text.length
    return true
  }

  /** Takes what the sticky expression finds next. */
  #find(expression: RegExp): RegExpExecArray | undefined {
    expression.lastIndex = this.#at
    const found = expression.exec(this.#text)
    if (found === null) return undefined
    this.#at += found[0].length
    return found
  }

  /** What was read since `from`. */
  #written(from: number): string {
    return Buffer.from(this.#text.slice(from, this.#at), 'latin1').toString()
  }

  #characterAt(from: number): string {
    const [character = ''] = /^./su.exec(Buffer.from(this.#text.slice(from), 'latin1').toString()) ?? []
    return character
  }
}

function single(byte: number): ByteSet {
  const set = new Uint8Array(256)
  set[byte] = 1
  return set
}

function negated(set: ByteSet): ByteSet {
  return set.map((has) => 1 - has)
}

function setOf(from: RegExp): ByteSet {
  return Uint8Array.from({ length: 256 }, (_, byte) => Number(byte < 128 && from.test(String.fromCharCode(byte))))
}

function foldCase(set: ByteSet): void {
  for (let upper = 0x41; upper <= 0x5a; upper++) {
    const lower = upper + 0x20
    const has = set[upper]! | set[lower]!
    set[upper] = has
    set[lower] = has
  }
}

/** The byte of a set that has one. */
function onlyByte(set: ByteSet): number | undefined {
  const first = set.indexOf(1)
  return first >= 0 && set.lastIndexOf(1) === first ? first : undefined
}

const classes: Readonly<Record<string, ByteSet>> = { d: setOf(/\d/), w: setOf(/\w/), s: setOf(/[\t-\r ]/) }
const controls: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13 }

function printable(character: string): string {
  return character < '\x80' ? character : '…'
}

/** The bytes that stand at the start of a pattern which is tied to the start, and whether it has nothing else. */
function beginningOf(root: Node): Pick<Syntax, 'beginning' | 'isBeginning'> {
  const parts = root.kind === 'sequence' ? root.parts : [root]
  if (parts[0]?.kind !== 'start') return { beginning: '', isBeginning: false }
  let beginning = ''
  for (const part of parts.slice(1).flatMap(flattened)) {
    const byte = part.kind === 'bytes' ? onlyByte(part.set) : undefined
    if (byte === undefined) return { beginning, isBeginning: false }
    beginning += String.fromCharCode(byte)
  }
  return { beginning, isBeginning: true }
}

/** The parts of a character that has several bytes. */
function flattened(node: Node): readonly Node[] {
  return node.kind === 'sequence' ? node.parts : [node]
}
