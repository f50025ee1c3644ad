import type { Instruction } from './program.ts'

/** How many instructions all states of an automaton may wait at: about 100 kB. Beyond that they are forgotten, and built again as needed. */
const MOST_WAITING = 10_000

/**
 * Says whether a pattern matches. It is the deterministic automaton of its program, of which only those states are built that texts lead
 * to. So a byte costs a look-up, or at most a walk over the program where it leads to a state that is not there.
 */
export class Automaton {
  readonly #program: readonly Instruction[]
  /** From a byte to the class of all bytes that the program treats alike. */
  readonly #classes: Uint8Array
  /** By the instructions at which a state waits. */
  readonly #states = new Map<string, State>()
  /** The sum over all states. */
  #waiting = 0
  #start: State | undefined
  /** In which walk an instruction was last reached. */
  readonly #reached: Uint32Array
  #walk = 0

  constructor(program: readonly Instruction[]) {
    this.#program = program
    this.#classes = classesOf(program)
    this.#reached = new Uint32Array(program.length)
  }

  /** @param text one character a byte */
  test(text: string): boolean {
    this.#start ??= this.#stateOf(this.#walked([0], true, false), true)
    let state = this.#start
    for (let at = 0; at < text.length; at++) {
      if (state.isMatch) return true
      if (state.waiting.length === 0) return false
      const byte = text.charCodeAt(at)
      const byteClass = this.#classes[byte]!
      state = state.next[byteClass] ?? this.#advance(state, byte, byteClass)
    }
    return state.isMatch || this.#matchesAtEnd(state)
  }

  #advance(state: State, byte: number, byteClass: number): State {
    const from: number[] = []
    for (const at of state.waiting) {
      const instruction = this.#program[at]!
      if (instruction.does === 'take' && instruction.set[byte] === 1) from.push(at + 1)
    }
    // A match may also begin here.
    from.push(0)
    const waiting = this.#walked(from, false, false)
    const key = waiting.join()
    let next = this.#states.get(key)
    if (next === undefined) {
      if (this.#waiting + waiting.length > MOST_WAITING) this.#forget()
      this.#waiting += waiting.length + 1
      next = this.#stateOf(waiting, false)
      this.#states.set(key, next)
    }
    state.next[byteClass] = next
    return next
  }

  #forget(): void {
    for (const state of this.#states.values()) state.next = []
    this.#states.clear()
    this.#start = undefined
    this.#waiting = 0
  }

  #stateOf(waiting: readonly number[], isStart: boolean): State {
    const isMatch = waiting.some((at) => this.#program[at]!.does === 'match')
    return { waiting, isMatch, isStart, next: [], endsWell: undefined }
  }

  #matchesAtEnd(state: State): boolean {
    state.endsWell ??= this.#walked(state.waiting, state.isStart, true).some(
      (at) => this.#program[at]!.does === 'match',
    )
    return state.endsWell
  }

  /** The instructions at which the automaton waits for a byte, for the end, or has matched, when it has gone on as far as it can. */
  #walked(from: readonly number[], isStart: boolean, isEnd: boolean): number[] {
    this.#walk++
    const waiting: number[] = []
    const ahead = [...from].reverse()
    for (let at = ahead.pop(); at !== undefined; at = ahead.pop()) {
      if (this.#reached[at] === this.#walk) continue
      this.#reached[at] = this.#walk
      const instruction = this.#program[at]!
      if (instruction.does === 'go') ahead.push(instruction.to)
      else if (instruction.does === 'either') ahead.push(instruction.second, instruction.first)
      else if (instruction.does === 'note') ahead.push(at + 1)
      else if (instruction.does === 'start') {
        if (isStart) ahead.push(at + 1)
      } else if (instruction.does === 'end' && isEnd) ahead.push(at + 1)
      else waiting.push(at)
    }
    return waiting.sort((one, other) => one - other)
  }
}

interface State {
  readonly waiting: readonly number[]
  readonly isMatch: boolean
  /** Whether no byte has been read. */
  readonly isStart: boolean
  /** By the class of the next byte. */
  next: (State | undefined)[]
  /** Whether it is a match if the text ends here. */
  endsWell: boolean | undefined
}

/** Bytes that are in the same sets are of one class. */
function classesOf(program: readonly Instruction[]): Uint8Array {
  const sets = new Set(program.flatMap((instruction) => (instruction.does === 'take' ? [instruction.set] : [])))
  const classes = new Uint8Array(256)
  let count = 1
  for (const set of sets) {
    const split = new Map<number, number>()
    for (let byte = 0; byte < 256; byte++) {
      const key = 2 * classes[byte]! + set[byte]!
      let to = split.get(key)
      if (to === undefined) {
        // Those outside of the set keep their class where they can.
        to = split.has(key ^ 1) ? count++ : classes[byte]!
        split.set(key, to)
      }
      classes[byte] = to
    }
  }
  return classes
}
