import type { EngineEvent } from './engine.ts'
import type { EngineView, EngineWatch } from './engine-watch.ts'
import { inspected } from './inspected.ts'
import { type KnownContainer, KnownContainers } from './known-containers.ts'

/** The events that matter. Others, such as those of each health check, are not sent. */
const EVENTS = {
  type: ['container', 'network'],
  event: [
    ...['start', 'restart', 'health_status', 'kill', 'stop', 'die', 'pause', 'unpause', 'rename', 'update', 'destroy'],
    ...['connect', 'disconnect'],
  ],
}
/** How many containers are inspected at a time. */
const LOOKS = 8
/** After how many inspections containers are reported, where more are still to come. */
const REPORT_AFTER = 256
/** How often an engine is asked whether it is still there, in ms: a lost connection may go unnoticed. */
const PING = 30_000

/** All containers that run. */
export interface Sighting {
  readonly containers: readonly KnownContainer[]
  /** The host at which what listens on the engine's machine is reached. */
  readonly machine: string
  /** Whether one has been asked to stop, died or was paused since the last one. */
  readonly isUrgent: boolean
}

/** All containers of an engine that run, known by its events and the inspections that these cause. */
export class RunningContainers implements EngineView<Sighting> {
  readonly events = EVENTS
  /** A container may have been asked to stop before there was a connection. */
  readonly lookBack = 60_000
  readonly #watch: EngineWatch
  readonly #known = new KnownContainers()
  #looks = 0
  #unreported = 0
  /** Whether all containers have been listed, and whether all of them have been inspected once. */
  #isListed = false
  #isComplete = false
  #isUrgent = false

  constructor(watch: EngineWatch) {
    this.#watch = watch
  }

  async begin(): Promise<void> {
    const { engine, news, signal } = this.#watch
    for (const id of await engine.containers(signal)) this.#known.ask(id)
    this.#isListed = true
    const pings = setInterval(() => news.failWith(engine.ping(signal)), PING)
    signal.addEventListener('abort', () => clearInterval(pings))
    this.#look()
    this.#report()
  }

  take(): Sighting {
    const isUrgent = this.#isUrgent
    this.#isUrgent = false
    return { containers: this.#known.all, machine: this.#watch.engine.machine, isUrgent }
  }

  happened(events: readonly EngineEvent[]): void {
    for (const event of events) if (this.#known.happened(event)) this.#isUrgent = true
    if (this.#isUrgent && this.#isComplete) this.#watch.news.report()
    this.#look()
  }

  /** Inspects those that something has happened to, some at a time. */
  #look(): void {
    for (const id of this.#known.takeAsked(LOOKS - this.#looks)) {
      this.#looks++
      this.#watch.news.failWith(this.#lookAt(id))
    }
  }

  async #lookAt(id: string): Promise<void> {
    const { engine, signal } = this.#watch
    const answer = await engine.inspect(id, signal)
    this.#known.found(id, answer === undefined ? undefined : inspected(answer))
    this.#looks--
    this.#unreported++
    this.#look()
    this.#report()
  }

  #report(): void {
    if (!this.#isListed) return
    if (this.#looks === 0) this.#isComplete = true
    else if (!this.#isComplete || this.#unreported < REPORT_AFTER) return
    this.#unreported = 0
    this.#watch.news.report()
  }
}
