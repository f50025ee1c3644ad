import { ClientStreams, eventText } from './client-streams.ts'
import type { Sample, TrafficFeed, TrafficQuery } from './traffic.ts'

/** The maximum number of clients at a time. */
const MAX_CLIENTS = 32

/** Writes each second's traffic to all clients that watch. What several of them want is made once. */
export class TrafficStream {
  readonly #feed: TrafficFeed
  readonly #clients: ClientStreams
  /** The events of the present second, by the names that were asked for. */
  readonly #events = new Map<string, string>()
  #now: Sample | undefined

  /** @param ending aborted when all streams are to end */
  constructor(feed: TrafficFeed, ending: AbortSignal) {
    this.#feed = feed
    this.#clients = new ClientStreams(MAX_CLIENTS, 'the traffic', ending)
  }

  /**
   * A stream that begins with the present second.
   *
   * @throws OperationRefused if too many watch already
   */
  open(query: TrafficQuery): ReadableStream<Uint8Array> {
    return this.#clients.open((write) => ({
      first: eventText('traffic', this.#feed.traffic(query)),
      unwatch: this.#feed.watch((now) => write(this.#eventOf(query, now))),
    }))
  }

  #eventOf(query: TrafficQuery, now: Sample): string {
    if (now !== this.#now) this.#events.clear()
    this.#now = now
    const key = JSON.stringify(query.upstreams)
    const made = this.#events.get(key) ?? eventText('traffic', this.#feed.traffic(query))
    this.#events.set(key, made)
    return made
  }
}
