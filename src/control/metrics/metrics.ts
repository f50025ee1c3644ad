import { setTimeout as sleep } from 'node:timers/promises'
import type { Metrics as AdminMetrics, Format } from '../../admin/metrics.ts'
import { catalogue } from './catalogue.ts'
import { exposition } from './exposition.ts'
import type { SceneMaker } from './scene-maker.ts'

/** How long the counts of the process that this one replaces are waited for, in ms. */
const PATIENCE = 10_000

/** What a running balancer has counted and knows, as text for Prometheus. */
export class Metrics implements AdminMetrics {
  readonly #scenes: SceneMaker
  /** By format, what is to be written, or is being written: whoever asks meanwhile gets the same. */
  readonly #current = new Map<Format, Promise<readonly Uint8Array[]>>()
  /** One text is written after the other. */
  #last: Promise<unknown> = Promise.resolve()
  /** Awaited before a text is shown: the process that replaces this one must know of all that it counts, since it is asked next. */
  beforeShown: () => Promise<void> = async () => {}

  constructor(scenes: SceneMaker) {
    this.#scenes = scenes
  }

  write(format: Format): Promise<readonly Uint8Array[]> {
    const current = this.#current.get(format)
    if (current !== undefined) return current
    const written = this.#last.then(() => this.#write(format)).finally(() => this.#current.delete(format))
    this.#current.set(format, written)
    this.#last = written.catch(() => {})
    return written
  }

  /** Shows nothing before that, or for PATIENCE at most. */
  wait(until: Promise<void>): void {
    this.#last = Promise.race([until, sleep(PATIENCE, undefined, { ref: false })])
  }

  async #write(format: Format): Promise<readonly Uint8Array[]> {
    const text = await exposition(catalogue, await this.#scenes.make(), format)
    await this.beforeShown()
    return text
  }
}
