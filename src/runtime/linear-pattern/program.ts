import { type ByteSet, type Node, PatternError } from './syntax.ts'

const MOST_INSTRUCTIONS = 1000

/** What an instruction does. `go` and `either` take no byte. */
export type Instruction =
  | { readonly does: 'take'; readonly set: ByteSet }
  | { readonly does: 'go'; to: number }
  /** The first one is preferred. */
  | { readonly does: 'either'; first: number; second: number }
  /** Notes the place in that slot: 2n for the start of group n, 2n + 1 for its end. */
  | { readonly does: 'note'; readonly slot: number }
  | { readonly does: 'start' | 'end' | 'match' }

/**
 * The tree as instructions of a nondeterministic automaton (Thompson's construction): each is followed by the next one, unless it says
 * where to go on. A repetition of a number of times is written out.
 *
 * @throws PatternError if there are too many
 */
export function programOf(root: Node): readonly Instruction[] {
  const writer = new ProgramWriter()
  writer.write(root)
  writer.add({ does: 'match' })
  return writer.instructions
}

class ProgramWriter {
  readonly instructions: Instruction[] = []

  add<Each extends Instruction>(instruction: Each): Each {
    if (this.instructions.length >= MOST_INSTRUCTIONS)
      throw new PatternError(
        `a regular expression of at most ${MOST_INSTRUCTIONS} steps`,
        'repeat less: a{500} counts as 500 times a',
      )
    this.instructions.push(instruction)
    return instruction
  }

  write(node: Node): void {
    switch (node.kind) {
      case 'bytes':
        this.add({ does: 'take', set: node.set })
        break
      case 'sequence':
        for (const part of node.parts) this.write(part)
        break
      case 'choice':
        this.#writeChoice(node.parts)
        break
      case 'group':
        this.add({ does: 'note', slot: 2 * node.number })
        this.write(node.part)
        this.add({ does: 'note', slot: 2 * node.number + 1 })
        break
      case 'repeat':
        this.#writeRepeat(node)
        break
      default:
        this.add({ does: node.kind })
    }
  }

  get #next(): number {
    return this.instructions.length
  }

  #writeChoice(parts: readonly Node[]): void {
    const ends = parts.slice(0, -1).map((part) => {
      const either = this.add({ does: 'either', first: this.#next + 1, second: 0 })
      this.write(part)
      const end = this.add({ does: 'go', to: 0 })
      either.second = this.#next
      return end
    })
    this.write(parts.at(-1)!)
    for (const end of ends) end.to = this.#next
  }

  #writeRepeat({ part, least, most, isLazy }: Node & { kind: 'repeat' }): void {
    const start = this.#next
    for (let times = 0; times < least; times++) {
      this.write(part)
      // However often nothing is repeated, it is nothing.
      if (this.#next === start) return
    }
    if (most === Infinity) return this.#writeLoop(part, isLazy)
    const ways = []
    for (let times = least; times < most; times++) {
      const before = this.#next
      ways.push(this.#fork(isLazy))
      this.write(part)
      if (this.#next === before + 1) break
    }
    for (const way of ways) way(this.#next)
  }

  #writeLoop(part: Node, isLazy: boolean): void {
    const start = this.#next
    const leave = this.#fork(isLazy)
    this.write(part)
    this.add({ does: 'go', to: start })
    leave(this.#next)
  }

  /** A choice between what follows and leaving it out; the result says where to go on without it. */
  #fork(isLazy: boolean): (to: number) => void {
    const inside = this.#next + 1
    const either = this.add({ does: 'either', first: inside, second: inside })
    return (to) => {
      if (isLazy) either.first = to
      else either.second = to
    }
  }
}
