import { setTimeout as wait } from 'node:timers/promises'
import type { Status, Upstream, Upstreams } from '../../admin/answers.ts'
import type { Sample, Traffic, TrafficHistory } from '../../admin/traffic.ts'
import { type AdminClient, Unreachable } from '../admin-client.ts'
import { type DescribedEvent, describeEvent, isOutdated } from '../event-text.ts'

/** As many samples as a wide terminal shows, and as many events as one scrolls through. */
const KEPT_SAMPLES = 600
const KEPT_EVENTS = 500
/** Traffic comes once a second; without it for so long, the connection counts as lost. In ms. */
const SILENCE = 5000
/** Before the next attempt, and between two looks at what is not streamed, in ms. */
const AGAIN_AFTER = 1000
const REFRESH = 3000

export type Connection =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  | { readonly state: 'lost'; readonly since: number; readonly why: string }

/** What is known of a running Limpet, kept up to date, across restarts and upgrades of it. */
export class Feed {
  readonly #client: AdminClient
  readonly #changed: () => void
  #connection: Connection = { state: 'connecting' }
  #status: Status | undefined
  #traffic: Traffic | undefined
  #samples: readonly Sample[] = []
  #upstreams: readonly Upstream[] = []
  #events: readonly DescribedEvent[] = []
  /** After the last event that was read; all that are kept, at first. */
  #lastEvent = '0'

  /** @param changed called after each change of what is known */
  constructor(client: AdminClient, changed: () => void) {
    this.#client = client
    this.#changed = changed
  }

  get connection(): Connection {
    return this.#connection
  }

  get status(): Status | undefined {
    return this.#status
  }

  get traffic(): Traffic | undefined {
    return this.#traffic
  }

  /** Oldest first. */
  get samples(): readonly Sample[] {
    return this.#samples
  }

  get upstreams(): readonly Upstream[] {
    return this.#upstreams
  }

  /** Newest first. */
  get events(): readonly DescribedEvent[] {
    return this.#events
  }

  /**
   * Resolves once the signal is aborted.
   *
   * @throws CommandFailure if the API refuses, or none has ever answered
   */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const why = await this.#follow(signal)
      if (signal.aborted) return
      const since = this.#connection.state === 'lost' ? this.#connection.since : Date.now()
      this.#connection = { state: 'lost', since, why }
      this.#changed()
      await wait(AGAIN_AFTER, undefined, { signal }).catch(() => {})
    }
  }

  /** Asks for what is not streamed. */
  async refresh(): Promise<void> {
    const [{ upstreams }, status] = await Promise.all([
      this.#client.get<Upstreams>('/v1/upstreams'),
      this.#client.get<Status>('/v1/status'),
    ])
    this.#upstreams = upstreams
    this.#status = status
    this.#changed()
  }

  /** Resolves to why the connection was lost. */
  async #follow(signal: AbortSignal): Promise<string> {
    const attempt = new AbortController()
    const until = AbortSignal.any([signal, attempt.signal])
    try {
      await this.refresh()
      await this.#fillSamples()
      await Promise.race([this.#readTraffic(until, attempt), this.#readEvents(until), this.#keepFresh(until)])
      return 'the stream has ended'
    } catch (error) {
      if (signal.aborted) return ''
      if (!(error instanceof Unreachable) || this.#connection.state === 'connecting') throw error
      const silence = attempt.signal.aborted ? `nothing was heard for ${SILENCE / 1000} s` : undefined
      return silence ?? error.message
    } finally {
      attempt.abort()
    }
  }

  async #readTraffic(signal: AbortSignal, attempt: AbortController): Promise<void> {
    const silence = setTimeout(() => attempt.abort(), SILENCE)
    try {
      for await (const { type, data } of await this.#client.events('/v1/traffic/stream', '', signal)) {
        silence.refresh()
        if (type !== 'traffic') continue
        const traffic: Traffic = JSON.parse(data)
        this.#connection = { state: 'live' }
        this.#traffic = traffic
        this.#samples = [...this.#samples.filter(({ at }) => at < traffic.now.at), traffic.now].slice(-KEPT_SAMPLES)
        this.#changed()
      }
    } finally {
      clearTimeout(silence)
    }
  }

  async #readEvents(signal: AbortSignal): Promise<void> {
    const events = await this.#client.events('/v1/events', this.#lastEvent, signal)
    for await (const event of events) {
      this.#lastEvent = event.id
      // What was before the first of them was never shown.
      if (event.type === 'gap' && this.#events.length === 0) continue
      const described = describeEvent(event)
      const past = this.#events.filter((each) => !isOutdated(each, described))
      this.#events = [described, ...past].slice(0, KEPT_EVENTS)
      this.#changed()
    }
  }

  async #keepFresh(signal: AbortSignal): Promise<void> {
    for (;;) {
      await wait(REFRESH, undefined, { signal })
      await this.refresh()
    }
  }

  /** What was before the stream was opened, or while it was lost. */
  async #fillSamples(): Promise<void> {
    const { samples } = await this.#client.get<TrafficHistory>('/v1/traffic')
    const first = samples[0]?.at ?? ''
    this.#samples = [...this.#samples.filter(({ at }) => at < first), ...samples].slice(-KEPT_SAMPLES)
  }
}
