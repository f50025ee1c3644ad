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

/** A problem and where in the text it stands, so that problems can be put in the order of the text. */
interface Mistake {
  readonly offset: number
  readonly path: string
  readonly message: string
  readonly hint?: string | undefined
  /** The offset of something else that has to do with it. */
  readonly see?: number | undefined
}

/** Far above what a file of 16,384 servers needs, and far below what a few nested aliases could grow to. */
const maxValues = 200_000
const maxDepth = 64

/**
 * A YAML text as plain values with its environment variables put in, which remembers where each value stands.
 * Never throws: what is wrong with the text is among `problems`.
 */
export class Document {
  /** Mappings, lists and scalars; undefined if the text is empty or no YAML. */
  readonly value: unknown
  /** The values that environment variables were put into: path, as `formatPath` writes it, to the text before. */
  readonly expanded: ReadonlyMap<string, string>

  readonly #name: string
  readonly #env: NodeJS.ProcessEnv
  readonly #lines = new LineCounter()
  readonly #yaml: YamlDocument.Parsed | undefined
  readonly #mistakes: Mistake[] = []
  readonly #expanded = new Map<string, string>()
  /** Path to the offset in the text. */
  readonly #keys = new Map<string, number>()
  readonly #values = new Map<string, number>()
  readonly #anchored = new Map<Alias, Node>()
  #exhausted = false

  /** `name` is the file as messages show it. */
  constructor(name: string, text: string, env: NodeJS.ProcessEnv) {
    this.#name = name
    this.#env = env
    this.expanded = this.#expanded
    this.#yaml = this.#parse(text)
    const value = this.#yaml && this.#read(this.#yaml.contents, 0, '', 0)
    this.value = this.#exhausted ? undefined : value
  }

  /** What is wrong with the text and, beyond that, with its value: in the order of the text, one problem a place. */
  problems(issues: readonly Issue[]): Problem[] {
    const known = new Set(this.#mistakes.map(({ path }) => path))
    const further = issues.filter(({ path }) => !known.has(formatPath(path))).map((issue) => this.#mistake(issue))
    return [...this.#mistakes, ...further]
      .toSorted((one, other) => one.offset - other.offset)
      .map((mistake) => this.#problem(mistake))
  }

  /** The document, if the text is one without a mistake in its syntax. */
  #parse(text: string): YamlDocument.Parsed | undefined {
    const documents = [...parseAllDocuments(text, { ...yamlOptions, lineCounter: this.#lines })]
    const [first, second] = documents
    const errors = documents.flatMap((document) => [...document.errors, ...document.warnings])
    for (const error of this.#causesOf(errors)) this.#mistakes.push(syntaxMistake(error, text))
    if (second) this.#mistakes.push(secondDocument(second.range[0]))
    else if (isEmpty(first)) this.#mistakes.push(emptyFile)
    return this.#mistakes.length === 0 ? first : undefined
  }

  /** Without the mistakes that only follow from another: later ones of a line, and what stands after the end. */
  #causesOf(errors: readonly YAMLError[]): YAMLError[] {
    const lines = new Map<number, YAMLError>()
    for (const error of errors) {
      const { line } = this.#lines.linePos(error.pos[0])
      const isAfterEnd = lines.size > 0 && error.message.includes('in YAML stream')
      if (!lines.has(line) && !isAfterEnd) lines.set(line, error)
    }
    return [...lines.values()]
  }

  /** The plain value of a node; a node that is left out altogether is null, and stands where its key does. */
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

  /** Whether the text asks for more than a configuration may hold, as aliases within aliases do. */
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
    const hint = `an unquoted * starts an alias: for text, write "*${alias.source}"`
    this.#mistakes.push({ offset, path, message, hint })
    return undefined
  }

  /** Kept, since the library searches the whole document for it. */
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
      this.#mistakes.push({ offset, path, message: 'expected another key, found one that cannot be used' })
    } else {
      this.#keys.set(path, offset)
      return true
    }
    return false
  }

  #expand(text: string, offset: number, path: string): string | undefined {
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

  /** An issue at the place of its key, of its value or, where something is missing, of what should hold it. */
  #mistake({ path: keyPath, atKey, message, hint, see }: Issue): Mistake {
    const path = formatPath(keyPath)
    const source = this.#expanded.get(path)
    const offset = (atKey ? this.#keys.get(path) : undefined) ?? this.#offsetOf(keyPath)
    const whole = source === undefined ? message : `${message}, from ${source}`
    // What the file leaves out altogether stands nowhere in it.
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
  // Repeated keys are found while reading, where their path is known.
  uniqueKeys: false,
  resolveKnownTags: false,
  logLevel: 'silent',
} as const

function isEmpty(document: YamlDocument.Parsed | undefined): boolean {
  const contents = document?.contents
  return !contents || (isScalar(contents) && contents.value === null)
}

const emptyFile = { offset: 0, path: '', message: 'expected routes and upstreams, found an empty file' }

function secondDocument(offset: number): Mistake {
  return { offset, path: '', message: 'expected one YAML document, found a second one', hint: 'remove the ---' }
}

function syntaxMistake({ code, message, pos: [offset] }: YAMLError, text: string): Mistake {
  if (code === 'RESOURCE_EXHAUSTION') return { offset, path: '', message: 'expected YAML, found too many levels' }
  const said = message.charAt(0).toLowerCase() + message.slice(1)
  return { offset, path: '', message: `expected YAML: ${said}`, hint: syntaxHint(code, lineAround(text, offset)) }
}

function syntaxHint(code: YAMLError['code'], line: string): string | undefined {
  if (code === 'TAB_AS_INDENT') return 'indent by spaces'
  if (line.includes('${')) return 'within { } or [ ], put a value with a variable in quotes'
  return code === 'BAD_SCALAR_START' ? 'put the value in quotes' : undefined
}

function lineAround(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  return text.slice(start).split('\n', 1)[0] ?? ''
}
