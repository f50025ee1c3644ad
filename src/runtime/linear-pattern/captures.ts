import type { Instruction } from './program.ts'

/**
 * Finds what the groups of a pattern match, as a backtracking engine would: the leftmost match, and of those the first by the order of
 * alternatives and the greed of quantifiers. All ways are followed side by side (Pike's machine, Russ Cox, "Regular Expression Matching:
 * the Virtual Machine Approach"), so that each byte costs at most a walk over the program.
 */
export class Captures {
  readonly #program: readonly Instruction[]
  readonly #slots: number
  #current: Ways
  #next: Ways
  /** The slots of the way that is being followed. */
  readonly #noted: Int32Array

  /** @param groups how many capture */
  constructor(program: readonly Instruction[], groups: number) {
    this.#program = program
    this.#slots = 2 * groups + 2
    this.#current = new Ways(program.length, this.#slots)
    this.#next = new Ways(program.length, this.#slots)
    this.#noted = new Int32Array(this.#slots)
  }

  /**
   * Where the match (the first two numbers) and each group starts and ends; -1 for a group that has no part in it. Undefined if there is
   * no match.
   *
   * @param text one character a byte
   */
  find(text: string): Int32Array | undefined {
    let found: Int32Array | undefined
    this.#current.clear()
    for (let at = 0; at <= text.length; at++) {
      if (found === undefined) {
        this.#noted.fill(-1)
        this.#noted[0] = at
        this.#follow(this.#current, 0, at, text.length)
      }
      const { count, instructions } = this.#current
      this.#next.clear()
      for (let way = 0; way < count; way++) {
        const place = instructions[way]!
        const instruction = this.#program[place]!
        if (instruction.does === 'match') {
          found ??= new Int32Array(this.#slots)
          this.#current.read(way, found)
          found[1] = at
          // Those behind it are worse.
          break
        }
        if (instruction.does !== 'take' || instruction.set[text.charCodeAt(at)] !== 1) continue
        this.#current.read(way, this.#noted)
        this.#follow(this.#next, place + 1, at + 1, text.length)
      }
      ;[this.#current, this.#next] = [this.#next, this.#current]
      if (found !== undefined && this.#current.count === 0) break
    }
    return found
  }

  /** Goes on to where a byte is taken, or the match is complete. The best way to a place is the first. */
  #follow(ways: Ways, place: number, at: number, end: number): void {
    if (!ways.reach(place)) return
    const instruction = this.#program[place]!
    switch (instruction.does) {
      case 'go':
        this.#follow(ways, instruction.to, at, end)
        break
      case 'either':
        this.#follow(ways, instruction.first, at, end)
        this.#follow(ways, instruction.second, at, end)
        break
      case 'note': {
        const before = this.#noted[instruction.slot]!
        this.#noted[instruction.slot] = at
        this.#follow(ways, place + 1, at, end)
        this.#noted[instruction.slot] = before
        break
      }
      case 'start':
        if (at === 0) this.#follow(ways, place + 1, at, end)
        break
      case 'end':
        if (at === end) this.#follow(ways, place + 1, at, end)
        break
      default:
        ways.add(place, this.#noted)
    }
  }
}

/** Where all ways through a program have come to, the best first. */
class Ways {
  readonly instructions: Uint16Array
  count = 0
  readonly #reached: Uint32Array
  #round = 0
  readonly #slots: number
  readonly #noted: Int32Array

  constructor(program: number, slots: number) {
    this.instructions = new Uint16Array(program)
    this.#reached = new Uint32Array(program)
    this.#slots = slots
    this.#noted = new Int32Array(program * slots)
  }

  clear(): void {
    this.count = 0
    this.#round++
  }

  /** Whether no way has come there yet. */
  reach(place: number): boolean {
    if (this.#reached[place] === this.#round) return false
    this.#reached[place] = this.#round
    return true
  }

  // Slots are few: a loop over them is faster than a view.

  add(place: number, noted: Int32Array): void {
    const from = this.count * this.#slots
    for (let slot = 0; slot < this.#slots; slot++) this.#noted[from + slot] = noted[slot]!
    this.instructions[this.count++] = place
  }

  /** Copies the slots of a way to `to`. */
  read(way: number, to: Int32Array): void {
    const from = way * this.#slots
    for (let slot = 0; slot < this.#slots; slot++) to[slot] = this.#noted[from + slot]!
  }
}
