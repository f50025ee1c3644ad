import { printable } from '../runtime/printable.ts'

/** One mistake in the operator's configuration. */
export interface Problem {
  /** Where it is: `limpet.yaml:12:7`, an environment variable, or a flag. */
  readonly where: string
  /** The path of the key, such as `upstreams.static.servers[0]`, or the entry of a list; empty for the whole value. */
  readonly path: string
  /** What was expected and what was found. */
  readonly message: string
  /** How to fix it. */
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

  /** One line per problem, and their count at the end. */
  override toString(): string {
    return this.message
  }
}

/** Thrown by the parsers in this folder for an invalid value. It is caught in this folder. */
export class InvalidValue extends Error {
  readonly expected: string
  readonly hint: string | undefined

  /** `expected` completes the phrase "expected …"; `hint` says how to fix the value. */
  constructor(expected: string, hint?: string) {
    super(`expected ${expected}`)
    this.expected = expected
    this.hint = hint
  }
}

/** Runs steps that may throw ConfigError, and collects their problems, so that all are reported at once. */
export class Attempts {
  readonly #problems: Problem[] = []

  /** The result of the step; undefined if it throws ConfigError, whose problems are collected. */
  attempt<Result>(step: () => Result): Result | undefined {
    try {
      return step()
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      this.#problems.push(...error.problems)
      return undefined
    }
  }

  /** Returns `result`. Throws ConfigError with the collected problems if there are any. */
  conclude<Result>(result: Result | undefined): Result {
    if (result === undefined || this.#problems.length > 0) throw new ConfigError(this.#problems)
    return result
  }
}

/** A value as messages show it: text in quotes and shortened, a list or a mapping by its kind. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 79)}…` : value)
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object') return Object.keys(value).length === 0 ? 'an empty mapping' : 'a mapping'
  return String(value)
}

/** A secret value as messages show it: only its kind. */
export function shownByKind(value: unknown): string {
  if (typeof value === 'string') return `text of ${value.length} characters`
  return typeof value === 'number' || typeof value === 'boolean' ? `a ${typeof value}` : shown(value)
}

/** Alternatives in words: `a`, `a or b`, `a, b or c`. */
export function alternatives(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

function formatProblems(problems: readonly Problem[]): string {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  return [...problems.map(formatProblem), `${count} in the configuration`].join('\n')
}

function formatProblem({ where, path, message, hint }: Problem): string {
  const place = [where, path].filter((part) => part !== '')
  return printable([...place, hint === undefined ? message : `${message} (${hint})`].join(': '))
}
