import { Engine, type EngineSettings } from './engine.ts'
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
/** How many containers are looked at at a time. */
const LOOKS = 8
/** After how many looks at the latest something is said, where more are to come. */
const REPORT_AFTER = 256
/** How far back events are asked for, in ms: a container may have been told to stop before there was a connection. */
const BEFORE = 60_000
/** How often an engine is asked whether it is still there, in ms: a connection may be lost without a word. */
const PING = 30_000

/** All containers that run. */
export interface Sighting {
  readonly containers: readonly KnownContainer[]
  /** The host at which what listens on the engine's machine is reached. */
  readonly machine: string
  /** Whether one has been told to stop, died or was paused since the last one. */
  readonly isUrgent: boolean
}

/**
 * All containers of an engine that run, and again after each change. Events are subscribed to before the first look, so none is
 * missed.
 *
 * @throws Error where the engine cannot be reached, or is lost
 */
export async function* watchEngine(settings: EngineSettings, signal: AbortSignal): AsyncGenerator<Sighting, void> {
  const ends = new AbortController()
  const engine = new Engine(settings)
  const watch = new Watch(engine, AbortSignal.any([signal, ends.signal]))
  try {
    await watch.begin()
    for (;;) yield await watch.next()
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    ends.abort(new Error('no longer watched'))
    engine.close()
  }
}

/** One connection to an engine's events, and the looks that they cause. */
class Watch {
  readonly #engine: Engine
  readonly #signal: AbortSignal
  readonly #known = new KnownContainers()
  #looks = 0
  #unreported = 0
  /** Whether all containers have been asked for, and whether all of them have been looked at once. */
  #isListed = false
  #isComplete = false
  #isUrgent = false
  #news = Promise.withResolvers<void>()
  #failure: { readonly error: unknown } | undefined

  constructor(engine: Engine, signal: AbortSignal) {
    this.#engine = engine
    this.#signal = signal
    signal.addEventListener('abort', () => this.#failed(signal.reason))
  }

  async begin(): Promise<void> {
    const now = await this.#engine.greet(this.#signal)
    this.#follow(now - BEFORE).catch((error) => this.#failed(error))
    for (const id of await this.#engine.containers(this.#signal)) this.#known.ask(id)
    this.#isListed = true
    const pings = setInterval(() => this.#engine.ping(this.#signal).catch((error) => this.#failed(error)), PING)
    this.#signal.addEventListener('abort', () => clearInterval(pings))
    this.#look()
    this.#report()
  }

  async next(): Promise<Sighting> {
    await this.#news.promise
    if (this.#failure !== undefined) throw this.#failure.error
    this.#news = Promise.withResolvers()
    const isUrgent = this.#isUrgent
    this.#isUrgent = false
    return { containers: this.#known.all, machine: this.#engine.machine, isUrgent }
  }

  async #follow(since: number): Promise<void> {
    for await (const events of this.#engine.events(since, EVENTS, this.#signal)) {
      for (const event of events) if (this.#known.happened(event)) this.#isUrgent = true
      if (this.#isUrgent && this.#isComplete) this.#news.resolve()
      this.#look()
    }
    throw new Error('the Docker engine has closed its stream of events')
  }

  /** Looks at those that something has happened to, some at a time. */
  #look(): void {
    for (const id of this.#known.takeAsked(LOOKS - this.#looks)) {
      this.#looks++
      this.#lookAt(id).catch((error) => this.#failed(error))
    }
  }

  async #lookAt(id: string): Promise<void> {
    const answer = await this.#engine.inspect(id, this.#signal)
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
    this.#news.resolve()
  }

  #failed(error: unknown): void {
    this.#failure ??= { error }
    this.#news.resolve()
  }
}
