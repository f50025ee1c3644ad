/** One thing wrong with what the operator wrote. */
export interface Problem {
  /** Where it stands: `limpet.yaml:12:7`, an environment variable, or a flag. */
  readonly where: string
  /** The key's path, such as `upstreams.static.servers[0]`, or the entry of a list; empty for the whole. */
  readonly path: string
  /** What was expected and what stood there. */
  readonly message: string
  /** How to mend it. */
  readonly hint?: string | undefined
}

/** The configuration cannot be used. Carries every problem at once; its message is the text for the terminal. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(formatProblems(problems))
    this.problems = problems
  }

  /** One line a problem, and their count at the end. */
  override toString(): string {
    return this.message
  }
}

/** Thrown by the parsers of this room for a value that they refuse; it never leaves the room. */
export class InvalidValue extends Error {
  readonly expected: string
  readonly hint: string | undefined

  /** `expected` continues the words "expected …"; `hint` tells the mend. */
  constructor(expected: string, hint?: string) {
    super(`expected ${expected}`)
    this.expected = expected
    this.hint = hint
  }
}

/** Steps of which each may throw ConfigError, so that the problems of all are reported at once. */
export class Attempts {
  readonly #problems: Problem[] = []

  /** What the step gives; undefined if it throws ConfigError, whose problems are kept. */
  attempt<Result>(step: () => Result): Result | undefined {
    try {
      return step()
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      this.#problems.push(...error.problems)
      return undefined
    }
  }

  /** What came of all steps. Throws ConfigError with the problems of each, if there was one. */
  conclude<Result>(result: Result | undefined): Result {
    if (result === undefined || this.#problems.length > 0) throw new ConfigError(this.#problems)
    return result
  }
}

/** A value as a message shows it: text in quotes and cut short, a list or a mapping by its kind. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 79)}…` : value)
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object') return Object.keys(value).length === 0 ? 'an empty mapping' : 'a mapping'
  return String(value)
}

/** The kind of a value that nobody is to read. */
export function shownByKind(value: unknown): string {
  if (typeof value === 'string') return `text of ${value.length} characters`
  return typeof value === 'number' || typeof value === 'boolean' ? `a ${typeof value}` : shown(value)
}

/** Alternatives in words: `a`, `a or b`, `a, b or c`. */
export function alternatives(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

/** The text with its control characters made visible, so that no value breaks a line or drives the terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1))
}

function formatProblems(problems: readonly Problem[]): string {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  return [...problems.map(formatProblem), `${count} in the configuration`].join('\n')
}

function formatProblem({ where, path, message, hint }: Problem): string {
  const place = [where, path].filter((part) => part !== '')
  return printable([...place, hint === undefined ? message : `${message} (${hint})`].join(': '))
}
