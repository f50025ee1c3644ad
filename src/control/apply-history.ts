import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Config } from '../config/schema.ts'
import { shownChanges } from './shown-changes.ts'

/** How many are kept. */
const MOST = 50
/**
 * Of how many servers and routes the configurations are at most that are kept until somebody asks for the differences: of one,
 * and of all together.
 */
const LARGEST = 1000
const MOST_KEPT = 10_000

/** A configuration that has come into effect. */
export interface PastApply {
  readonly generation: number
  readonly revision: string
  /** In ms since 1970. */
  readonly at: number
  /** What has asked for it; undefined if that was a signal, a changed file, or Limpet itself. */
  readonly by: string | undefined
  /** One sentence each. */
  readonly changes: readonly string[]
  /** The difference of the two configurations, as a unified diff without secrets; undefined if they are too large. */
  readonly diff: string | undefined
}

/** The configurations before and after, or what differs between them. */
interface Kept {
  readonly apply: Omit<PastApply, 'diff'>
  readonly size: number
  between: { readonly before: Config; readonly after: Config } | undefined
  diff: string | undefined
}

/** The last configurations that have come into effect. What differs is written only once somebody asks. */
export class ApplyHistory {
  /** Newest first. */
  readonly #kept: Kept[] = []

  add(apply: Omit<PastApply, 'at' | 'diff'>, before: Config, after: Config): void {
    const size = sizeOf(before) + sizeOf(after)
    const between = size > 2 * LARGEST ? undefined : { before, after }
    const changes = shownChanges(apply.changes)
    this.#kept.unshift({ apply: { ...apply, changes, at: Date.now() }, size, between, diff: undefined })
    this.#kept.splice(MOST)
    this.#forgetOldConfigurations()
  }

  /** Newest first. */
  async all(): Promise<PastApply[]> {
    const { differenceOf } = await import('./configuration-diff.ts')
    const applies: PastApply[] = []
    for (const kept of [...this.#kept]) {
      if (kept.between !== undefined) {
        kept.diff = differenceOf(kept.between.before, kept.between.after, kept.apply.generation)
        kept.between = undefined
        await nextTurn()
      }
      applies.push({ ...kept.apply, diff: kept.diff })
    }
    return applies
  }

  #forgetOldConfigurations(): void {
    let size = 0
    for (const kept of this.#kept) {
      if (kept.between !== undefined) size += kept.size
      if (size > MOST_KEPT) kept.between = undefined
    }
  }
}

function sizeOf({ routes, upstreams }: Config): number {
  return upstreams.reduce((size, { servers }) => size + servers.length, routes.length)
}
