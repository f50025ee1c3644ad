import type { Case } from './case.ts'
import { measure, type Step, type Surroundings, warmUpOf } from './measure.ts'
import type { Sample } from './metric.ts'
import type { Peer } from './peer.ts'
import type { Progress } from './progress.ts'
import type { Entry } from './results.ts'

/** A case with the peers that take part. */
export interface Entrants {
  readonly case: Case
  readonly peers: readonly { readonly peer: Peer; readonly version: string }[]
}

/** The time for a start, its checks and a stop, in addition to the load, in s. */
const OVERHEAD = 1
/** After this number of failures, a peer is left out of the case. */
const MAX_FAILURES = 2

/** One step for every peer and variant. */
export function stepsOf({ case: { variants }, case: current, peers }: Entrants): Step[] {
  return variants.flatMap((variant) =>
    peers
      .filter(({ peer: { name, listedAs = name } }) => variant.peers?.includes(listedAs) ?? true)
      .map(({ peer }) => ({ case: current, variant, peer })),
  )
}

/** The approximate duration of a step, in s. */
export function durationOf(step: Step, surroundings: Pick<Surroundings, 'seconds' | 'mostWarmUp'>): number {
  const { seconds } = surroundings
  return OVERHEAD + (step.case.duration?.(seconds) ?? seconds + warmUpOf(step.peer, surroundings))
}

/**
 * Measures a case A B C A B C …: every round has each peer and variant once, so that a slow minute affects all of them.
 * A step that fails is recorded, and the others continue. After the deadline, no round starts except the first.
 *
 * @param deadline by `performance.now()`
 */
export async function runRounds(
  entrants: Entrants,
  rounds: number,
  surroundings: Surroundings,
  progress: Progress,
  deadline: number,
): Promise<Entry[]> {
  const series = stepsOf(entrants).map((step) => new Series(step))
  for (let round = 1; round <= rounds; round++) {
    const isLate = round > 1 && performance.now() > deadline
    for (const each of series) {
      const duration = durationOf(each.step, surroundings)
      if (isLate || each.isHopeless) {
        progress.skip(duration)
        continue
      }
      progress.start(`${each.name} · round ${round} of ${rounds}`)
      for (const error of await each.measure(round, surroundings)) progress.say(`  ${each.name}: ${error}`)
      progress.finish(duration)
    }
  }
  return series.map((each) => each.entry(versionIn(entrants, each.step.peer)))
}

function versionIn({ peers }: Entrants, wanted: Peer): string {
  return peers.find(({ peer }) => peer === wanted)!.version
}

/** The rounds of one step. */
class Series {
  readonly step: Step
  readonly #samples: (Sample | null)[] = []
  readonly #errors: string[] = []

  constructor(step: Step) {
    this.step = step
  }

  get name(): string {
    return [this.step.case.name, this.step.variant.name, this.step.peer.title].filter(Boolean).join(' · ')
  }

  get isHopeless(): boolean {
    return this.#samples.filter((sample) => sample === null).length >= MAX_FAILURES
  }

  /** Resolves to the errors. */
  async measure(round: number, surroundings: Surroundings): Promise<readonly string[]> {
    const { sample, errors } = await measure(this.step, surroundings).catch((error: Error) => ({
      sample: null,
      errors: [error.message],
    }))
    this.#samples.push(sample)
    this.#errors.push(...errors.map((error) => `round ${round}: ${error}`))
    return errors
  }

  entry(version: string): Entry {
    const { peer, variant } = this.step
    return {
      peer: peer.name,
      title: peer.title,
      version,
      variant: variant.name,
      samples: this.#samples,
      errors: this.#errors,
    }
  }
}
