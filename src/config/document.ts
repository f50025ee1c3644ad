import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  type YAMLError,
  type YAMLMap,
  type Document as YamlDocument,
} from 'yaml'
import { InvalidValue, type Problem, shown } from './error.ts'
import { interpolate } from './interpolate.ts'
import { extendPath, formatPath, type KeyPath } from './key-path.ts'
import type { Issue } from './validate.ts'

/** A problem and its place in the text, so that problems can be sorted by their order in the text. */
interface Mistake {
  readonly offset: number
  readonly path: string
  readonly message: string
  readonly hint?: string | undefined
  /** The offset of another, related place. */
  readonly see?: number | undefined
}

/** Far above the need of a file with 16,384 servers, and far below what a few nested aliases can expand to. */
const maxValues = 200_000
const maxDepth = 64

/**
 * A YAML text as plain values with environment variables expanded. Remembers the place of each value in the text.
 * Never throws: mistakes in the text are among `problems`.
 */
export class Document {
  /** Mappings, lists and scalars; undefined if the text is empty or not YAML. */
  readonly value: unknown
  /** The values in which variables were expanded: from their path, as `formatPath` writes it, to the original text. */
  readonly expanded: ReadonlyMap<string, string>

  readonly #name: string
  readonly #env: NodeJS.ProcessEnv | undefined
  readonly #expected: string
  readonly #lines = new LineCounter()
  readonly #yaml: YamlDocument.Parsed | undefined
  readonly #mistakes: Mistake[] = []
  readonly #expanded = new Map<string, string>()
  /** From the path of a key or value to its offset in the text. */
  readonly #keys = new Map<string, number>()
  readonly #values = new Map<string, number>()
  readonly #anchored = new Map<Alias, Node>()
  #exhausted = false

  /**
   * @param name the name of the file in messages
   * @param env the values of `${NAME}`; absent: they are text like any other
   * @param expected what should be in the text
   */
  constructor(name: string, text: string, env?: NodeJS.ProcessEnv, expected = 'routes and upstreams') {
    this.#name = name
    this.#env = env
    this.#expected = expected
    this.expanded = this.#expanded
    this.#yaml = this.#parse(text)
    const value = this.#yaml && this.#read(this.#yaml.contents, 0, '', 0)
    this.value = this.#exhausted ? undefined : value
  }

  /** The mistakes in the text and the issues with its value, in the order of the text, one problem per place. */
  problems(issues: readonly Issue[]): Problem[] {
    const known = new Set(this.#mistakes.map(({ path }) => path))
    const further = issues.filter(({ path }) => !known.has(formatPath(path))).map((issue) => this.#mistake(issue))
    return [...this.#mistakes, ...further]
      .toSorted((one, other) => one.offset - other.offset)
      .map((mistake) => this.#problem(mistake))
  }

  /** The document, if the text contains exactly one and its syntax is valid. */
  #parse(text: string): YamlDocument.Parsed | undefined {
    const documents = [...parseAllDocuments(text, { ...yamlOptions, lineCounter: this.#lines })]
    const [first, second] = documents
    const errors = documents.flatMap((document) => [...document.errors, ...document.warnings])
    for (const error of this.#causesOf(errors)) this.#mistakes.push(syntaxMistake(error, text))
    if (second) this.#mistakes.push(secondDocument(second.range[0]))
    else if (isEmpty(first)) this.#mistakes.push(emptyFile(this.#expected))
    return this.#mistakes.length === 0 ? first : undefined
  }

  /** The errors without those that only follow from another: later ones in the same line, and text after the end. */
  #causesOf(errors: readonly YAMLError[]): YAMLError[] {
    const lines = new Map<number, YAMLError>()
    for (const error of errors) {
      const { line } = this.#lines.linePos(error.pos[0])
      const isAfterEnd = lines.size > 0 && error.message.includes('in YAML stream')
      if (!lines.has(line) && !isAfterEnd) lines.set(line, error)
    }
    return [...lines.values()]
  }

  /** The plain value of a node. A missing node is null and has the place of its key. */
  #read(node: Node | null, keyOffset: number, path: string, depth: number): unknown {
    const offset = node?.range?.[0] ?? keyOffset
    if (this.#isExhausted(offset, depth)) return undefined
    this.#values.set(path, offset)
    if (isAlias(node)) return this.#readAlias(node, offset, path, depth)
    if (isMap<Node, Node | null>(node)) return this.#readMapping(node, path, depth)
    if (isSeq<Node>(node)) {
      return node.items.map((item, index) => this.#read(item, offset, extendPath(path, index), depth + 1))
    }
    const value = isScalar(node) ? node.value : null
    return typeof value === 'string' ? this.#expand(value, offset, path) : value
  }

  /** Whether the text expands to more than a configuration may hold, as aliases within aliases can. */
  #isExhausted(offset: number, depth: number): boolean {
    if (!this.#exhausted && (depth > maxDepth || this.#values.size === maxValues)) {
      this.#exhausted = true
      const message = `expected at most ${maxDepth} levels and ${maxValues} values, found more`
      this.#mistakes.push({ offset, path: '', message, hint: 'look for an alias that contains itself' })
    }
    return this.#exhausted
  }

  #readAlias(alias: Alias, offset: number, path: string, depth: number): unknown {
    const anchored = this.#anchoredBy(alias)
    if (anchored) return this.#read(anchored, offset, path, depth)
    const message = `expected an anchor &${alias.source} before its alias, found none`
    const hint = `an unquoted * starts an alias; for text, write "*${alias.source}"`
    this.#mistakes.push({ offset, path, message, hint })
    return undefined
  }

  /** Cached, because the library searches the whole document on each call. */
  #anchoredBy(alias: Alias): Node | undefined {
    const anchored = this.#anchored.get(alias) ?? (this.#yaml && alias.resolve(this.#yaml))
    if (anchored) this.#anchored.set(alias, anchored)
    return anchored
  }

  #readMapping(map: YAMLMap<Node, Node | null>, parent: string, depth: number): Record<string, unknown> {
    const mapping: Record<string, unknown> = {}
    for (const { key, value } of map.items) {
      const name = isScalar(key) ? String(key.value) : ''
      const path = extendPath(parent, name)
      const offset = key.range?.[0] ?? 0
      if (this.#isNewKey(name, offset, path)) mapping[name] = this.#read(value, offset, path, depth + 1)
    }
    return mapping
  }

  #isNewKey(name: string, offset: number, path: string): boolean {
    const see = this.#keys.get(path)
    if (see !== undefined) {
      this.#mistakes.push({ offset, path, message: `expected each key once, found ${shown(name)} again`, see })
    } else if (name === '__proto__') {
      this.#mistakes.push({ offset, path, message: 'expected another key, found a reserved one' })
    } else {
      this.#keys.set(path, offset)
      return true
    }
    return false
  }

  #expand(text: string, offset: number, path: string): string | undefined {
    if (this.#env === undefined) return text
    try {
      const expanded = interpolate(text, this.#env)
      if (expanded !== text) this.#expanded.set(path, text)
      return expanded
    } catch (error) {
      if (!(error instanceof InvalidValue)) throw error
      this.#mistakes.push({ offset, path, message: `${error.message}, found ${shown(text)}`, hint: error.hint })
      return undefined
    }
  }

  /** An issue with the place of its key or its value; for a missing value, the place of the nearest parent. */
  #mistake({ path: keyPath, atKey, message, hint, see }: Issue): Mistake {
    const path = formatPath(keyPath)
    const source = this.#expanded.get(path)
    const offset = (atKey ? this.#keys.get(path) : undefined) ?? this.#offsetOf(keyPath)
    const whole = source === undefined ? message : `${message}, from ${source}`
    // A section that the file leaves out has no place.
    const isWritten = see !== undefined && this.#values.has(formatPath(see.slice(0, 1)))
    return { offset, path, message: whole, hint, see: isWritten ? this.#offsetOf(see) : undefined }
  }

  #problem({ offset, path, message, hint, see }: Mistake): Problem {
    const { line, col } = this.#lines.linePos(offset)
    const where = `${this.#name}:${Math.max(line, 1)}:${Math.max(col, 1)}`
    const whole = see === undefined ? message : `${message}, see line ${this.#lines.linePos(see).line}`
    return { where, path, message: whole, hint }
  }

  #offsetOf(path: KeyPath): number {
    const offset = this.#values.get(formatPath(path))
    return offset ?? (path.length === 0 ? 0 : this.#offsetOf(path.slice(0, -1)))
  }
}

const yamlOptions = {
  prettyErrors: false,
  stringKeys: true,
  // #isNewKey finds repeated keys, because only there their path is known.
  uniqueKeys: false,
  resolveKnownTags: false,
  logLevel: 'silent',
} as const

function isEmpty(document: YamlDocument.Parsed | undefined): boolean {
  const contents = document?.contents
  return !contents || (isScalar(contents) && contents.value === null)
}

function emptyFile(expected: string): Mistake {
  return { offset: 0, path: '', message: `expected ${expected}, found an empty file` }
}

function secondDocument(offset: number): Mistake {
  return { offset, path: '', message: 'expected one YAML document, found a second one', hint: 'remove the ---' }
}

function syntaxMistake({ code, message, pos: [offset] }: YAMLError, text: string): Mistake {
  if (code === 'RESOURCE_EXHAUSTION')
    return { offset, path: '', message: 'expected YAML, found too many nested levels' }
  const said = message.charAt(0).toLowerCase() + message.slice(1)
  return { offset, path: '', message: `expected YAML: ${said}`, hint: syntaxHint(code, lineAround(text, offset)) }
}

function syntaxHint(code: YAMLError['code'], line: string): string | undefined {
  if (code === 'TAB_AS_INDENT') return 'indent with spaces'
  if (line.includes('${')) return 'inside { } or [ ], put a value with a variable in quotes'
  return code === 'BAD_SCALAR_START' ? 'put the value in quotes' : undefined
}

function lineAround(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  return text.slice(start).split('\n', 1)[0] ?? ''
}
