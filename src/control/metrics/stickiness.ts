import type { Upstream } from '../../runtime/snapshot.ts'
import { UpstreamCell } from '../../runtime/tallies/layout.ts'
import type { Tallies } from '../../runtime/tallies.ts'

/** How often is counted what came of known sessions, and how long the score looks back, in ms. */
const INTERVAL = 10_000
const WINDOW = 300_000

/** Requests of users who had a server, and those of them that reached it. */
interface Outcome {
  readonly known: number
  readonly stuck: number
}

/** By upstream name. */
type Outcomes = ReadonlyMap<string, Outcome & { readonly slot: number }>

/** How many requests of users who had a server have reached it lately. */
export class Stickiness {
  readonly #tallies: Tallies
  readonly #upstreams: () => readonly Upstream[]
  /** Oldest first; the first one is of a time when nothing was counted. */
  readonly #samples: Outcomes[] = [new Map()]
  readonly #timer: NodeJS.Timeout

  constructor(tallies: Tallies, upstreams: () => readonly Upstream[]) {
    this.#tallies = tallies
    this.#upstreams = upstreams
    this.#timer = setInterval(() => this.#sample(), INTERVAL).unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  /** From 0 to 1; undefined if there were no such requests in the last five minutes. */
  scoreOf({ name, slot }: Upstream): number | undefined {
    const now = this.#outcome(slot)
    const oldest = this.#samples[0]?.get(name)
    // A name that was removed meanwhile, and has come back in another slot, begins again.
    const from = oldest?.slot === slot ? oldest : { known: 0, stuck: 0 }
    const known = now.known - from.known
    return known <= 0 ? undefined : (now.stuck - from.stuck) / known
  }

  #sample(): void {
    this.#samples.push(new Map(this.#upstreams().map(({ name, slot }) => [name, { slot, ...this.#outcome(slot) }])))
    if (this.#samples.length > WINDOW / INTERVAL + 1) this.#samples.shift()
  }

  #outcome(slot: number): Outcome {
    return {
      known: this.#tallies.upstream(slot, UpstreamCell.Known),
      stuck: this.#tallies.upstream(slot, UpstreamCell.Stuck),
    }
  }
}
