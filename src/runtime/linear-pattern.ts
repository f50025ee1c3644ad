import { Automaton } from './linear-pattern/automaton.ts'
import { Captures } from './linear-pattern/captures.ts'
import { type Instruction, programOf } from './linear-pattern/program.ts'
import { parsePattern } from './linear-pattern/syntax.ts'

/** What a pattern has found in a text. */
export interface PatternMatch {
  readonly start: number
  readonly end: number
  /** The match itself, then each group; undefined for one that has no part in it. */
  readonly groups: readonly (string | undefined)[]
}

/**
 * A regular expression that is matched in time proportional to the text's length, whatever the expression and the text:
 * linear-pattern/syntax.ts has its syntax. Like one of nginx it is found anywhere in the text, unless ^ and $ tie it to the ends.
 *
 * Texts are bytes, one character each, as in heads and paths; a letter such as é in the pattern is the bytes that it has in UTF-8.
 */
export class LinearPattern {
  readonly source: string
  /** The numbers of the groups that have a name. */
  readonly names: ReadonlyMap<string, number>
  /** How many groups it has, without the match itself. */
  readonly groups: number
  /** What every text begins with that it matches, one character a byte; may be empty. */
  readonly beginning: string
  /** What it finds if it is a beginning and nothing else, such as `^/api/`: always the same. */
  readonly #beginning: PatternMatch | undefined
  readonly #program: readonly Instruction[]
  readonly #automaton: Automaton
  #captures: Captures | undefined

  /** @throws PatternError if the expression is not valid, too large, or nothing that can be matched in linear time */
  constructor(source: string) {
    const { root, groups, names, beginning, isBeginning } = parsePattern(source)
    this.source = source
    this.names = names
    this.groups = groups
    this.beginning = beginning
    if (isBeginning) this.#beginning = { start: 0, end: beginning.length, groups: [beginning] }
    this.#program = programOf(root)
    this.#automaton = new Automaton(this.#program)
  }

  /** Whether it matches. Cheaper than `match`. */
  test(text: string): boolean {
    if (!text.startsWith(this.beginning)) return false
    return this.#beginning !== undefined || this.#automaton.test(text)
  }

  /** The leftmost match. */
  match(text: string): PatternMatch | undefined {
    if (!this.test(text)) return undefined
    if (this.#beginning !== undefined) return this.#beginning
    this.#captures ??= new Captures(this.#program, this.groups)
    const places = this.#captures.find(text)!
    const groups: (string | undefined)[] = []
    for (let place = 0; place < places.length; place += 2) {
      const [start, end] = [places[place]!, places[place + 1]!]
      groups.push(start < 0 || end < 0 ? undefined : text.slice(start, end))
    }
    return { start: places[0]!, end: places[1]!, groups }
  }
}
