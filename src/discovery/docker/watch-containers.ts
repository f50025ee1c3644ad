import { isDeepStrictEqual } from 'node:util'
import { News } from '../news.ts'
import type { EngineSettings } from './engine.ts'
import { watchEngine } from './engine-watch.ts'
import { RunningContainers, type Sighting } from './running-containers.ts'

/** The watches of engines at the moment. */
const shared = new Set<SharedWatch>()

/**
 * All containers of an engine that run, and again after each change. All watches of one engine share its connection and its inspections.
 *
 * @throws Error where the engine cannot be reached, or is lost, and the signal's reason once that is aborted
 */
export async function* watchContainers(
  { host, tls }: EngineSettings,
  signal: AbortSignal,
): AsyncGenerator<Sighting, void> {
  const settings = { ...(host !== undefined && { host }), ...(tls !== undefined && { tls }) }
  const watch = [...shared].find((each) => isDeepStrictEqual(each.settings, settings)) ?? new SharedWatch(settings)
  const watcher = new Watcher(signal)
  watch.join(watcher)
  try {
    for (;;) yield await watcher.next()
  } finally {
    watch.leave(watcher)
  }
}

/** One watch of an engine, for several consumers. It ends with the last of them, or when it fails. */
class SharedWatch {
  readonly settings: EngineSettings
  readonly #watchers = new Set<Watcher>()
  readonly #ends = new AbortController()
  #last: Sighting | undefined

  constructor(settings: EngineSettings) {
    this.settings = settings
    shared.add(this)
    this.#follow().catch((error) => {
      shared.delete(this)
      for (const watcher of this.#watchers) watcher.news.fail(error)
    })
  }

  join(watcher: Watcher): void {
    this.#watchers.add(watcher)
    if (this.#last !== undefined) watcher.see({ ...this.#last, isUrgent: false })
  }

  leave(watcher: Watcher): void {
    this.#watchers.delete(watcher)
    if (this.#watchers.size > 0) return
    shared.delete(this)
    this.#ends.abort(new Error('no longer watched'))
  }

  async #follow(): Promise<void> {
    for await (const sighting of watchEngine(this.settings, this.#ends.signal, (it) => new RunningContainers(it))) {
      this.#last = sighting
      for (const watcher of this.#watchers) watcher.see(sighting)
    }
  }
}

/** One consumer of a shared watch, which reads sightings at its own pace: of several, the newest. */
class Watcher {
  readonly news: News
  #newest: Sighting | undefined

  constructor(signal: AbortSignal) {
    this.news = new News(signal)
  }

  see(sighting: Sighting): void {
    this.#newest = { ...sighting, isUrgent: sighting.isUrgent || this.#newest?.isUrgent === true }
    this.news.report()
  }

  /** What there is now, once it is something new. */
  async next(): Promise<Sighting> {
    await this.news.next()
    const newest = this.#newest!
    this.#newest = undefined
    return newest
  }
}
